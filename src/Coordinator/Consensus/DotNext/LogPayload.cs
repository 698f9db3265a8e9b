using Quorate.Rounds;
using Quorate.Shared.Text;

namespace Quorate.Coordinator.Consensus.DotNext;

/// <summary>
/// The content of one log entry: a request id of 16 bytes, then the command. The id is not part of the command or the
/// chain hash; it tells the proposing node's applier which proposal the outcome belongs to.
/// </summary>
internal static class LogPayload
{
    private const int IdBytes = 16;

    public static byte[] Wrap(Guid request, ReadOnlySpan<byte> command)
    {
        var payload = new byte[IdBytes + command.Length];
        request.TryWriteBytes(payload);
        command.CopyTo(payload.AsSpan(IdBytes));
        return payload;
    }

    /// <exception cref="InvalidDataException">The payload is too short.</exception>
    public static (Guid Request, ReadOnlyMemory<byte> Command) Unwrap(ReadOnlyMemory<byte> payload) =>
        payload.Length > IdBytes
            ? (new Guid(payload.Span[..IdBytes]), payload[IdBytes..])
            : throw new InvalidDataException(
                $"A log entry has {PlainText.Count(payload.Length, "byte")}, too few for a command.");
}

/// <summary>
/// A proposal on its way through the log, handed to the applier beside its entry. When a new leader overwrites the
/// entry, the library may hand the proposal over with another one; the applier therefore compares the request ids.
/// </summary>
internal sealed class Proposal(Guid request)
{
    private Outcome _outcome;
    private volatile bool _settled;

    public Guid Request { get; } = request;

    /// <summary>False as long as the entry is not applied here.</summary>
    public bool TryGetOutcome(out Outcome outcome)
    {
        bool settled = _settled;
        outcome = settled ? _outcome : default;
        return settled;
    }

    public void Settle(Outcome outcome)
    {
        _outcome = outcome;
        _settled = true;
    }
}
