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

    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(5);

    /// <summary>Commands compared at each look: more than a busy cluster commits meanwhile.</summary>
    private const int Window = 512;

    private static readonly Meter _meter = new(MeterName);
    private static readonly Counter<long> _disagreements = _meter.CreateCounter<long>(
        "quorate.cluster.disagreements", "{look}", "Looks at which a peer belonged to another cluster or history.");

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var tick = new PeriodicTimer(LookEvery, time);
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
        Show("round trip", SlowPeer(), LogLevel.Warning);
    }

    /// <summary>A request must be answered within 0.8 election timeouts, with a flush to disk in between.</summary>
    private string? SlowPeer()
    {
        var slow = peers.All.Where(peer => peers.RoundTrip(peer.Id) > options.Election / 2).ToList();
        if (slow.Count == 0) return null;
        var longest = slow.Max(peer => peers.RoundTrip(peer.Id));
        string nodes = string.Join(", ", slow.Select(peer => peer.Id));
        return $"Round trips to node {nodes} take up to "
            + $"{longest.TotalMilliseconds:0} ms; --election-ms is {options.Election.TotalMilliseconds:0}. "
            + $"Elections may fail until it is at least {Math.Ceiling(longest.TotalMilliseconds * 3 / 100) * 100:0} "
            + "on every node.";
    }

    private void Show(string topic, string? sentence, LogLevel level)
    {
        if (sentence is null) notices.Withdraw(topic);
        else if (notices.Post(topic, sentence)) LogFound(level, sentence);
    }

    [LoggerMessage(EventId = EventIds.ClusterDisagrees, Message = "{Sentence}")]
    private partial void LogFound(LogLevel level, string sentence);
}
