namespace Quorate.Coordinator.Consensus;

/// <summary>
/// What stands in one log entry: the 16 bytes of the request id, then the command. The id is no part of the command and
/// of the chain hash: it only tells the applier of the proposing node whose outcome this is.
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
            : throw new InvalidDataException($"A log entry has {payload.Length} bytes, too few for a command.");
}

/// <summary>
/// A proposal on its way through the log, handed to the applier beside its entry. The library may hand it over with
/// another entry when a new leader overwrites the one it came with; hence the id is compared.
/// </summary>
internal sealed class Proposal(Guid request)
{
    private Rounds.Outcome? _outcome;
    private volatile bool _settled;

    public Guid Request { get; } = request;

    /// <summary>The state machine's answer, or null as long as the entry is not applied here.</summary>
    public Rounds.Outcome? Outcome => _settled ? _outcome : null;

    public void Settle(Rounds.Outcome outcome)
    {
        _outcome = outcome;
        _settled = true;
    }
}
