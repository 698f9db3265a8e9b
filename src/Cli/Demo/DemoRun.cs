using Quorate.Cli.Show;
using Quorate.Shared.Cluster;
using Quorate.Shared.Protocol;

namespace Quorate.Cli.Demo;

/// <summary>The result of one run of the demo.</summary>
/// <param name="Run">The run with its whole trail.</param>
/// <param name="Sha256">Of the final model's file, 64 hexadecimal digits, computed here.</param>
/// <param name="Seconds">From the start of the processes to the last score.</param>
/// <param name="Failovers">One for each killed leader.</param>
/// <param name="Lost">One sentence for each accepted update that is missing.</param>
internal sealed record RunOutcome(
    RunStatus Run, string Sha256, double Seconds, IReadOnlyList<Failover> Failovers, IReadOnlyList<string> Lost,
    PeakRss Peak)
{
    public ModelStatus Model => Run.Trail[^1];
}

/// <summary>
/// One run of the demo: it starts the processes, polls every node's status, kills leaders as planned and starts them
/// again, and downloads the final model. It sees only what any client sees.
/// </summary>
internal sealed class DemoRun(
    DemoFolder folder, string title, int trainers, IReadOnlyList<Kill> kills, string modelPath, IDemoView view,
    TimeProvider time)
{
    /// <summary>Polling takes processor time here and in the coordinators.</summary>
    private static readonly TimeSpan _calmPause = TimeSpan.FromMilliseconds(250);

    /// <summary>
    /// While a kill is due or a failover is in progress: the moment to kill is short, and the failover time is measured
    /// with this resolution.
    /// </summary>
    private static readonly TimeSpan _watchfulPause = TimeSpan.FromMilliseconds(15);

    private static readonly TimeSpan _downTime = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan _samplePause = TimeSpan.FromSeconds(1);

    /// <summary>Comparing histories takes a call more to every node.</summary>
    private static readonly TimeSpan _comparePause = TimeSpan.FromSeconds(5);

    /// <summary>Models requested with each poll: more than are published between two polls.</summary>
    private const int TrailPolled = 8;

    private readonly AcceptedUpdates _accepted = new();
    private readonly Queue<Kill> _kills = new(kills);
    private readonly List<Failover> _failovers = [];
    private long? _restartFrom;
    private bool _rejoining;
    private long _sampled;
    private int _shownRounds;
    private long _compared;
    private IReadOnlyList<string> _differences = [];
    private ClusterView? _seen;

    /// <summary>Everything that stops the run, as seen last; empty if nothing does.</summary>
    public string Reasons => string.Join(" ", _seen is { } seen ? seen.Differences.Concat(seen.Reasons) : []);

    private Failover? Open => _failovers is [.., { Over: false } last] ? last : null;

    /// <exception cref="CommandException">The run failed, or a process died.</exception>
    public async Task<RunOutcome> RunAsync(CancellationToken token)
    {
        long start = time.GetTimestamp();
        using var cluster = DemoCluster.Start(folder, trainers);
        using var client = new ClusterConnections(folder.Hosts, time);
        while (true)
        {
            cluster.ThrowIfDied();
            var replies = await client.StatusAsync(new StatusRequest { Trail = TrailPolled }, token);
            Observe(cluster, replies);
            if (time.GetElapsedTime(_compared) >= _comparePause)
                (_differences, _compared) = (await client.DifferencesAsync(replies, token), time.GetTimestamp());
            _seen = new ClusterView([.. folder.Hosts.Nodes.Zip(replies)], folder.HostsPath, _differences);
            view.Show(new Snapshot(title, _seen, trainers));
            if (replies.FirstOrDefault(
                r => r?.Run?.Phase is RunPhase.Finished or RunPhase.Stopped or RunPhase.Failed) is { } ended)
                return await EndAsync(cluster, client, ended, time.GetElapsedTime(start), token);
            if (ClusterText.Newest(replies)?.Run?.Trainers.FirstOrDefault(t => t.Fault.Length > 0) is { } faulty)
                throw new CommandException(ExitCode.BadInput, $"Trainer {faulty.Trainer} reports: {faulty.Fault}");
            KillIfDue(cluster, replies);
            RestartIfDue(cluster);
            bool due = _kills.TryPeek(out var next) && replies.Any(r => r?.Run?.Round >= next.Round);
            await Task.Delay(due || Open is not null ? _watchfulPause : _calmPause, time, token);
        }
    }

    private void Observe(DemoCluster cluster, StatusReply?[] replies)
    {
        var fresh = replies.Where(r => r?.Run is not null).SelectMany(r => _accepted.Observe(r!.Run)).ToList();
        if (ClusterText.Newest(replies)?.Run is { } run) ShowRounds(run);
        if (Open is { } failover) Follow(cluster, failover, ClusterText.Leading(replies), fresh);
        if (time.GetElapsedTime(_sampled) < _samplePause) return;
        _sampled = time.GetTimestamp();
        cluster.Sample();
    }

    private void ShowRounds(RunStatus run)
    {
        foreach (var model in run.Trail.Where(m => m.Round > _shownRounds).TakeWhile(ClusterText.IsJudged))
        {
            view.Line(ClusterText.Round(model, run.Rounds, trainers), Tone.Round);
            _shownRounds = model.Round;
        }
    }

    private void Follow(DemoCluster cluster, Failover failover, StatusReply? leader, List<UpdateStatus> fresh)
    {
        // A newer term, not another node: the killed node may be back and lead again.
        if (leader is not null && leader.Term > failover.Term && failover.NewLeader < 0)
            failover = failover with { NewLeader = leader.Node, Term = leader.Term };
        if (failover.SecondsToNextAccept is null && fresh.Any(u => u.At > failover.KilledAt))
            failover = failover with { SecondsToNextAccept = time.GetElapsedTime(failover.KilledStamp).TotalSeconds };
        failover = failover with { UpdatesSafe = _accepted.CountUntil(failover.Round, failover.KilledAt) };
        _failovers[^1] = failover;
        if (failover.Over) view.Line(failover.Line(Retrained(cluster, failover.Round)), Tone.Loud);
    }

    private void KillIfDue(DemoCluster cluster, StatusReply?[] replies)
    {
        // One at a time: the killed node must have rejoined before the next one is killed.
        if (_rejoining && _restartFrom is null && replies.All(r => r is { Quorum: true, Run: not null }))
            _rejoining = false;
        if (_rejoining || Open is not null || !_kills.TryPeek(out var kill)) return;
        if (ClusterText.Leading(replies) is not { } leader || !kill.IsNow(leader, trainers)) return;
        _kills.Dequeue();
        _failovers.Add(new Failover(
            leader.Node, leader.Run.Round, trainers, time.GetUtcNow().ToUnixTimeMilliseconds(), time.GetTimestamp())
            { Term = leader.Term });
        cluster.KillNode(leader.Node);
        _restartFrom = time.GetTimestamp();
        _rejoining = true;
        view.Line($"kill -9 of the leader, node {leader.Node}, in round {leader.Run.Round} after "
            + $"{leader.Run.Updates.Count} of {trainers} updates", Tone.Plain);
    }

    private void RestartIfDue(DemoCluster cluster)
    {
        if (_restartFrom is not { } killed || time.GetElapsedTime(killed) < _downTime) return;
        _restartFrom = null;
        cluster.StartNode(_failovers[^1].KilledNode);
        view.Line($"node {_failovers[^1].KilledNode} starts again with its own data", Tone.Plain);
    }

    private async Task<RunOutcome> EndAsync(
        DemoCluster cluster, ClusterConnections client, StatusReply ended, TimeSpan elapsed, CancellationToken token)
    {
        if (ended.Run.Phase is not RunPhase.Finished)
            throw new CommandException(ExitCode.Differs,
                $"The run {(ended.Run.Phase is RunPhase.Failed ? "failed" : "was stopped")}: {ended.Run.Reason}");
        var whole = await client.StatusAsync(new StatusRequest { Run = ended.Run.Run }, token);
        var run = whole.FirstOrDefault(r => r?.Run?.Phase is RunPhase.Finished)?.Run ?? ended.Run;
        ShowRounds(run);
        string hash = await ModelFile.DownloadAsync(client, run.Trail[^1], modelPath, time, token);
        cluster.Sample();
        var failovers = _failovers.Select(f => f with { UpdatesRetrained = Retrained(cluster, f.Round) });
        var peak = new PeakRss([.. cluster.CoordinatorPeaks.Select(Megabytes)],
            [.. cluster.Trainers.Select(t => Megabytes(t.PeakBytes))]);
        return new RunOutcome(run, hash, elapsed.TotalSeconds, [.. failovers], _accepted.LostFrom(run), peak);
    }

    private static double Megabytes(long bytes) => Math.Round(bytes / 1e6, 1);

    /// <summary>The number of trainers that trained the round more than once.</summary>
    private static int Retrained(DemoCluster cluster, int round) =>
        cluster.Trainers.Count(trainer => trainer.Retrained(round));
}
