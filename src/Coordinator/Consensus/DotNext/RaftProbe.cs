using System.Net.Sockets;

namespace Quorate.Coordinator.Consensus.DotNext;

/// <summary>
/// Asks the other members on their Raft ports for their member list, before this node votes for the first time. A node
/// that votes answers there from its first moment, also while its other services do not answer yet.
/// </summary>
internal sealed class RaftProbe(ConsensusOptions options, ILogger logger, TimeProvider time)
{
    private static readonly TimeSpan _answerTimeout = TimeSpan.FromSeconds(1);

    private readonly Introductions _introductions = new(options, () => UInt128.Zero, logger);

    /// <summary>One sentence for each member that answers and has another member list.</summary>
    public async Task<IReadOnlyList<string>> ObjectionsAsync(CancellationToken token)
    {
        using var limit = new CancellationTokenSource(_answerTimeout, time);
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, token);
        var others = options.Members.Where(member => member.Id != options.Node).ToList();
        var verdicts = await Task.WhenAll(others.Select(member => AskAsync(member, bound.Token)));
        token.ThrowIfCancellationRequested();
        return [.. others.Zip(verdicts).Where(pair => pair.Second == Refusal.Members)
            .Select(pair => $"Nodes {options.Node} and {pair.First.Id} have different hosts files, as node "
                + $"{pair.First.Id}'s Raft port says. They refuse each other until both have the same file.")];
    }

    /// <summary><see cref="Refusal.None"/> also if the member does not answer.</summary>
    private async Task<Refusal> AskAsync(Member member, CancellationToken token)
    {
        var at = member.Dial ?? member.Raft;
        try
        {
            using var socket = await options.Names.ConnectAsync(at.Host, at.Port, token);
            await using var stream = new NetworkStream(socket, ownsSocket: false);
            await stream.WriteAsync(_introductions.Own(member.Id).ToBytes(), token);
            byte[] answer = new byte[Introduction.Size];
            await stream.ReadExactlyAsync(answer, token);
            return _introductions.Judge(Introduction.Parse(answer), member.Id);
        }
        catch (Exception e) when (
            e is SocketException or IOException or InvalidDataException or OperationCanceledException)
        {
            return Refusal.None;
        }
    }
}
