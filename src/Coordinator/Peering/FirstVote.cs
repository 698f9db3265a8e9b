using Quorate.Coordinator.Disk;
using Quorate.Coordinator.Settings;
using Quorate.Coordinator.Telemetry;
using Quorate.Shared.Protocol;

namespace Quorate.Coordinator.Peering;

/// <summary>What a node with an empty data directory may do, given its peers' answers.</summary>
internal enum Admission
{
    /// <summary>Too few peers have answered to decide.</summary>
    Wait,

    /// <summary>
    /// No peer remembers this node, or it rejoins on purpose and the cluster is past the votes it lost.
    /// </summary>
    Enrol,

    /// <summary>A peer remembers this node with another identity: the node has lost its votes.</summary>
    Refuse,
}

/// <summary>
/// Admits a node to its first vote with an empty data directory or a changed hosts file. The node asks its peers
/// whether they remember it, and votes only once a majority, including itself, has enrolled it on disk.
/// <para>
/// Invariant: it votes only while no reachable peer has another member list or cluster id. Two groups with different
/// hosts files may each be a majority of their own file; without this both would acknowledge writes.
/// </para>
/// <para>
/// A majority is enough, because the others enrol the node as soon as they are up. An emptied node can only pass
/// unnoticed if a peer that enrolled it is down as well, which is one fault more than the cluster promises to survive.
/// </para>
/// </summary>
internal sealed partial class FirstVote(
    CoordinatorOptions options, Enrolment enrolment, PeerConnections peers, TimeProvider time,
    ILogger<FirstVote> logger)
{
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// Asks the members on their Raft ports; one sentence for each that has another member list. A node that has just
    /// joined answers there while its services do not answer Hello yet.
    /// </summary>
    public Func<CancellationToken, Task<IReadOnlyList<string>>> OtherObjections { private get; init; } =
        static _ => Task.FromResult<IReadOnlyList<string>>([]);

    /// <summary>Returns when this node may vote.</summary>
    /// <exception cref="RejoinRequiredException">It may vote only with <c>--rejoin</c>.</exception>
    public async Task EarnAsync(CancellationToken token)
    {
        if (options.Rejoin) enrolment.BeginRejoin();
        bool said = false;
        string refused = "";
        while (true)
        {
            var answers = await peers.HelloAllAsync(Ask(enrol: false), token);
            var admission = Decide(answers, options.Hosts.Nodes.Count, options.Rejoin);
            if (admission == Admission.Refuse) throw new RejoinRequiredException(options.Node, options.DataDirectory);
            if (admission == Admission.Enrol)
            {
                answers = await peers.HelloAllAsync(Ask(enrol: true), token);
                if (answers.Refusals.Count == 0) answers = answers with { Refusals = await OtherObjections(token) };
                if (answers.Refusals.Count == 0
                    && answers.Accepted.Count(reply => reply.Enrolled) >= options.Hosts.Nodes.Count / 2)
                    return;
            }
            if (!said) LogWaiting();
            said = true;
            string why = string.Join(" ", answers.Refusals);
            if (why.Length > 0 && why != refused) LogRefused(why);
            refused = why;
            await Task.Delay(_pause, time, token);
        }
    }

    /// <summary>
    /// Checks once, for a node that voted before, that its peers know its data directory. Peers that do not answer are
    /// no objection: Raft refuses the node later, if it must.
    /// </summary>
    /// <exception cref="DataDirectoryException">So many peers enrolled another directory that this one was never
    /// admitted.</exception>
    public async Task VerifyIdentityAsync(CancellationToken token)
    {
        int others = options.Hosts.Nodes.Count - 1, admitting = options.Hosts.Nodes.Count / 2;
        var answers = await peers.HelloAllAsync(Ask(enrol: false), token);
        if (answers.Accepted.Count(reply => reply.OtherIdentity) > others - admitting)
            throw new DataDirectoryException(
                $"{options.DataDirectory} is not the data directory that the other nodes enrolled for node "
                + $"{options.Node}. It may be a copy of another node's, or two machines may use this id. Give each "
                + "node its own directory; if this node's was lost, start it with an empty one and --rejoin.");
    }

    /// <summary>
    /// Enrols this node with the peers that were down when it first voted. Returns once all of them know it.
    /// </summary>
    public async Task EnrolWithAllAsync(CancellationToken token)
    {
        while ((await peers.HelloAllAsync(Ask(enrol: true), token)).Accepted.Count(
            reply => reply.Enrolled) < options.Hosts.Nodes.Count - 1)
            await Task.Delay(TimeSpan.FromSeconds(2), time, token);
        enrolment.EndRejoin();
    }

    /// <param name="answers">From the peers that answered.</param>
    /// <param name="nodes">Number of nodes in the cluster, including this one.</param>
    /// <param name="rejoin">True if the operator confirmed the loss.</param>
    public static Admission Decide(PeerAnswers answers, int nodes, bool rejoin)
    {
        if (answers.Refusals.Count > 0) return Admission.Wait;
        var replies = answers.Accepted;
        int others = nodes / 2; // A majority together with this node.
        if (replies.Count < others) return Admission.Wait;
        if (!replies.Any(reply => reply.OtherIdentity)) return Admission.Enrol;
        if (!rejoin) return Admission.Refuse;
        // A majority follows one leader in one term. Any vote that this node lost was cast in that term or an older
        // one, so it can no longer elect another leader.
        bool led = replies.Where(reply => reply.LeaderNode >= 0).GroupBy(reply => (reply.Term, reply.LeaderNode))
            .Any(group => group.Count() > (nodes - 1) / 2);
        return led ? Admission.Enrol : Admission.Wait;
    }

    private HelloRequest Ask(bool enrol) => new()
    {
        Node = options.Node, Identity = enrolment.Identity, Enrol = enrol,
        Rejoin = options.Rejoin || enrolment.Rejoining,
    };

    [LoggerMessage(EventIds.VoteWithheld, LogLevel.Error, "{Why} This node does not vote until then.")]
    private partial void LogRefused(string why);

    [LoggerMessage(EventIds.AwaitingFirstVote, LogLevel.Information,
        "Waiting for a majority of the coordinators before the first vote with this data directory and hosts file.")]
    private partial void LogWaiting();
}

/// <summary>Enrols this node with the peers that were down when it first voted.</summary>
internal sealed class LateEnrolment(
    CoordinatorOptions options, Enrolment enrolment, PeerConnections peers, TimeProvider time,
    ILogger<FirstVote> logger) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        new FirstVote(options, enrolment, peers, time, logger).EnrolWithAllAsync(stoppingToken);
}

/// <summary>This node's data directory is empty, but its peers remember the node.</summary>
internal sealed class RejoinRequiredException(int node, string directory) : Exception(
    $"Node {node} is a known member of this cluster, but its data directory {directory} is empty; without its earlier "
    + "votes it could vote twice. Correct the path, or start it with --rejoin to let it return as an empty node.");
