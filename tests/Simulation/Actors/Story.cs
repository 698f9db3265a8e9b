using Quorate.Rounds;
using Quorate.Simulation.Checks;
using Quorate.Simulation.World;

namespace Quorate.Simulation.Actors;

/// <summary>
/// One seed from its first draw to its verdict: a run under faults, then everything is healed, the run must finish
/// before a deadline, and the checks follow.
/// </summary>
internal sealed class Story
{
    /// <summary>The longest time with faults, in simulated time.</summary>
    private static readonly TimeSpan _chaosMax = TimeSpan.FromSeconds(60);

    /// <summary>All rounds must be done within this time after healing; leases and pauses end within 20 s.</summary>
    private static readonly TimeSpan _healedMax = TimeSpan.FromSeconds(120);

    /// <summary>Then all nodes have caught up and pulled their missing blobs.</summary>
    private static readonly TimeSpan _settling = TimeSpan.FromSeconds(20);

    /// <summary>
    /// The path of every seed's folder has this length in any process: it is part of sentences that are sent (a full
    /// disk), and one more byte there would be one more byte for the network to flip.
    /// </summary>
    private const int FolderLength = 80;

    private readonly SimulatedWorld _world;
    private readonly IReadOnlyList<SimulatedRun> _runs;
    private readonly Breakage _breakage;
    private readonly string _folder;
    private readonly int _calmRounds;
    private SimulatedCluster? _cluster;
    private Nemesis? _nemesis;

    private Story(ulong seed, Breakage breakage, string folder, TextWriter? log)
    {
        (_world, _breakage, _folder) = (new SimulatedWorld(seed, log), breakage, folder);
        var draws = _world.Stream("story");
        int trainers = 3 + draws.Below(4), rounds = 8 + draws.Below(9);
        bool patient = draws.Chance(0.5);
        var reuse = _world.Stream("reuse");
        var run = new SimulatedRun(
            RunId.Parse("simulated"), seed, rounds, trainers,
            MinResults: patient ? trainers : Math.Max(2, trainers - 2), GraceSeconds: patient ? 0 : 1,
            Elements: draws.Chance(0.1) ? 40_000 : 24,
            KeepUpdateRounds: reuse.Chance(0.5) ? rounds : reuse.Below(3), Idle: reuse.Chance(0.2));
        var twin = _world.Stream("twin");
        _runs = twin.Chance(0.3)
            ? [run, run with { Id = RunId.Parse("twin"), Seed = ~seed, Rounds = 3 + twin.Below(6), Elements = 30 }]
            : [run];
        _calmRounds = 2 + draws.Below(3);
    }

    /// <summary>Runs a seed.</summary>
    /// <param name="under">Where its scratch folder is created; if null, in memory if possible.</param>
    public static Verdict Run(
        ulong seed, Breakage? breakage = null, TextWriter? log = null, string? under = null)
    {
        under ??= Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
        string folder = Path.Combine(under, $"quorate-sim-{Environment.ProcessId}-{seed}").PadRight(FolderLength, '-');
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        Directory.CreateDirectory(folder);
        try
        {
            return new Story(seed, breakage ?? new Breakage(), folder, log).Run();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private Verdict Run()
    {
        var violations = new List<string>();
        try
        {
            _world.Run(() => RunAsync(violations), TimeSpan.FromHours(1));
            // Outside of the simulation's one thread, because averaging blocks.
            violations.AddRange(new Examination(_cluster!, _nemesis!.Weak).Findings());
        }
        catch (Exception e) when (e is InvalidOperationException or TimeoutException)
        {
            violations.Add(e.ToString());
        }
        return new Verdict(_world.Trace.Hash, _cluster?.Consensus.Moves ?? 0, _runs.Sum(run => run.Rounds),
            _world.Events, violations, _world.Trace.Marks);
    }

    private async Task RunAsync(List<string> violations)
    {
        _cluster = new SimulatedCluster(_world, _runs, _breakage, _folder);
        var person = new Operator(_cluster);
        await person.SeedAsync(_runs[0]);
        _ = person.WatchAsync();
        _ = person.ResendAsync();
        _nemesis = new Nemesis(_cluster);
        foreach (var run in _runs.Skip(1)) _ = person.OpenAsync(run);
        await UntilAsync(() => NewestRound() > _runs[0].Rounds - _calmRounds, _chaosMax);
        _nemesis.End();
        _cluster.Heal();
        _world.Trace.Add(_world.Now, "world", "healed");
        if (!await UntilAsync(() => Finished(_cluster.Consensus.Leader), _healedMax))
            violations.Add($"No progress: {_healedMax.TotalSeconds} s after healing the runs are in {State()}.");
        await WaitAsync(_settling);
    }

    private int NewestRound() => _cluster!.Coordinators.Max(c => c.Log.State.Find(_runs[0].Id)?.Round ?? 0);

    private bool Finished(int? leader) => leader is { } id
        && _runs.All(run => _cluster!.Coordinators[id].Log.State.Find(run.Id) is { Phase: Phase.Finished });

    private string State() => string.Join("; ", _cluster!.Coordinators.SelectMany(c => _runs.Select(simulated =>
        c.Log.State.Find(simulated.Id) is { } run
            ? $"{c.Machine.Name}, {run.Id}: round {run.Round}, {run.Phase}, {run.Updates.Count} updates, "
                + $"{run.Present} present"
            : $"{c.Machine.Name}: no run {simulated.Id}")));

    private async Task<bool> UntilAsync(Func<bool> happened, TimeSpan patience)
    {
        for (long until = _world.Now + patience.Ticks; _world.Now < until;)
        {
            if (happened()) return true;
            await WaitAsync(TimeSpan.FromMilliseconds(20));
        }
        return happened();
    }

    private Task WaitAsync(TimeSpan delay)
    {
        var over = new TaskCompletionSource();
        _world.After(delay, over.SetResult);
        return over.Task;
    }
}

/// <summary>The result of a seed.</summary>
/// <param name="Trace">The same for every run of the seed.</param>
internal sealed record Verdict(
    ulong Trace, int Moves, int Rounds, long Events, IReadOnlyList<string> Violations,
    IReadOnlyDictionary<string, int> Marks);
