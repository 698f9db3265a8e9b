using Quorate.Coordinator.Settings;
using Quorate.Coordinator.Telemetry;
using Quorate.Shared.Protocol;

namespace Quorate.Coordinator.Peering;

/// <summary>What a node with an empty data directory may do, given what its peers answered.</summary>
internal enum Admission
{
    /// <summary>Too few peers answered to know.</summary>
    Wait,

    /// <summary>
    /// Nobody remembers this node, or it rejoins on purpose and the cluster is past the votes it forgot.
    /// </summary>
    Enrol,

    /// <summary>A peer remembers it with other data: it has lost its votes.</summary>
    Refuse,
}

/// <summary>
/// The way of a node with an empty data directory to its first vote. It asks its peers whether they remember it, and
/// votes only once a majority, itself included, has enrolled it on disk.
/// <para>
/// Why a majority is enough: the rest learns of it as soon as it is up. For an emptied node to slip through, a peer
/// that enrolled it must be down as well, and that is one fault more than the cluster promises to survive.
/// </para>
/// </summary>
internal sealed partial class FirstVote(
    CoordinatorOptions options, Enrolment enrolment, PeerConnections peers, TimeProvider time,
    ILogger<FirstVote> logger)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>Returns when this node may vote.</summary>
    /// <exception cref="RejoinRequiredException">It may not, until somebody says <c>--rejoin</c>.</exception>
    public async Task EarnAsync(CancellationToken token)
    {
        bool said = false;
        while (true)
        {
            var replies = await peers.HelloAllAsync(Ask(enrol: false), token);
            var admission = Decide(replies, options.Hosts.Nodes.Count, options.Rejoin);
            if (admission == Admission.Refuse) throw new RejoinRequiredException(options.Node, options.DataDirectory);
            if (admission == Admission.Enrol)
            {
                replies = await peers.HelloAllAsync(Ask(enrol: true), token);
                if (replies.Count(reply => reply.Enrolled) >= options.Hosts.Nodes.Count / 2) return;
            }
            if (!said) LogWaiting();
            said = true;
            await Task.Delay(Pause, time, token);
        }
    }

    /// <summary>
    /// Enrols this node with the peers that were down when it first voted; until all of them know it.
    /// </summary>
    public async Task EnrolWithAllAsync(CancellationToken token)
    {
        while ((await peers.HelloAllAsync(Ask(enrol: true), token)).Count(
            reply => reply.Enrolled) < options.Hosts.Nodes.Count - 1)
            await Task.Delay(TimeSpan.FromSeconds(2), time, token);
    }

    /// <param name="replies">Of the peers that answered.</param>
    /// <param name="nodes">Nodes of the cluster, this one included.</param>
    /// <param name="rejoin">Whether the operator says that the loss is known.</param>
    public static Admission Decide(IReadOnlyList<HelloReply> replies, int nodes, bool rejoin)
    {
        int others = nodes / 2; // With this node a majority.
        if (replies.Count < others) return Admission.Wait;
        if (!replies.Any(reply => reply.OtherIdentity)) return Admission.Enrol;
        if (!rejoin) return Admission.Refuse;
        // A vote this node forgot was in a term no newer than the one in which these now follow one leader, so it can
        // no longer elect anybody.
        bool led = replies.Where(reply => reply.LeaderNode >= 0).GroupBy(reply => (reply.Term, reply.LeaderNode))
            .Any(group => group.Count() > (nodes - 1) / 2);
        return led ? Admission.Enrol : Admission.Wait;
    }

    private HelloRequest Ask(bool enrol) => new()
    {
        Node = options.Node, Identity = enrolment.Identity, Enrol = enrol, Rejoin = options.Rejoin,
    };

    [LoggerMessage(EventIds.AwaitingFirstVote, LogLevel.Information,
        "The data directory is new: waiting for a majority of the coordinators before the first vote.")]
    private partial void LogWaiting();
}

/// <summary>This node's data directory is empty although its peers remember the node.</summary>
internal sealed class RejoinRequiredException(int node, string directory) : Exception(
    $"Node {node} took part in this cluster before, but its data directory {directory} is empty: a voter that forgot "
    + "its votes could vote twice. Mend the path, or start it with --rejoin to let it come back as an empty node.");
