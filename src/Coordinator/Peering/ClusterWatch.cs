using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Settings;
using Quorate.Coordinator.Telemetry;
using Quorate.Shared.Cluster;
using Quorate.Shared.Protocol;

namespace Quorate.Coordinator.Peering;

/// <summary>
/// Compares this node with its peers every few seconds: member list, cluster id, and chain hashes at equal indexes. A
/// difference is logged, shown in the status of this node and counted. A round trip that is too long for the election
/// timeout is logged and shown.
/// </summary>
internal sealed partial class ClusterWatch(
    IReplicatedLog log, HelloResponder own, PeerConnections peers, OperatorNotices notices, CoordinatorOptions options,
    TimeProvider time, ILogger<ClusterWatch> logger) : BackgroundService
{
    public const string MeterName = "Quorate.Cluster";

    private static readonly TimeSpan _lookEvery = TimeSpan.FromSeconds(5);

    /// <summary>Commands compared at each look: more than a busy cluster commits between two looks.</summary>
    private const int Window = 512;

    private static readonly Meter _meter = new(MeterName);
    private static readonly Counter<long> _disagreements = _meter.CreateCounter<long>(
        "quorate.cluster.disagreements", "{look}", "Looks at which a peer belonged to another cluster or history.");

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var tick = new PeriodicTimer(_lookEvery, time);
        while (await tick.WaitForNextTickAsync(stoppingToken)) await LookAsync(stoppingToken);
    }

    internal async Task LookAsync(CancellationToken token)
    {
        long from = Math.Max(1, log.State.Index - Window);
        var answers = await peers.HelloAllAsync(new HelloRequest { Node = options.Node, ChainFrom = from }, token);
        var mine = await own.AnswerAsync(new HelloRequest { Node = -1, ChainFrom = from }, token);
        string[] found = [.. answers.Refusals,
            .. answers.Accepted.SelectMany(reply => Histories.Differences([mine, reply]))];
        Show("cluster", found.Length == 0 ? null : string.Join(" ", found), LogLevel.Error);
        if (found.Length > 0) _disagreements.Add(1);
        var roundTrips = peers.All.Select(peer => (peer.Id, peers.RoundTrip(peer.Id)));
        Show("round trip", IsTooSlow(roundTrips, options.Election, out string? slow) ? slow : null, LogLevel.Warning);
    }

    /// <summary>
    /// A request to a peer must be answered within 0.8 election timeouts, with a flush to disk in between. If a round
    /// trip alone takes half of that time, elections and replication fail under little load.
    /// </summary>
    internal static bool IsTooSlow(
        IEnumerable<(int Node, TimeSpan RoundTrip)> peers, TimeSpan election, [NotNullWhen(true)] out string? sentence)
    {
        var slow = peers.Where(peer => peer.RoundTrip > election / 2).ToList();
        sentence = null;
        if (slow.Count == 0) return false;
        double longest = slow.Max(peer => peer.RoundTrip).TotalMilliseconds;
        sentence = $"Round trips to node {string.Join(", ", slow.Select(peer => peer.Node))} take {longest:0} ms; "
            + $"--election-ms is {election.TotalMilliseconds:0}. Elections fail or repeat until it is at least "
            + $"{Math.Ceiling(longest * 3 / 100) * 100:0} on every node.";
        return true;
    }

    /// <param name="sentence">Null withdraws the notice.</param>
    private void Show(string topic, string? sentence, LogLevel level)
    {
        if (sentence is null) notices.Withdraw(topic);
        else if (notices.Post(topic, sentence)) LogFound(level, sentence);
    }

    [LoggerMessage(EventId = EventIds.ClusterDisagrees, Message = "{Sentence}")]
    private partial void LogFound(LogLevel level, string sentence);
}
