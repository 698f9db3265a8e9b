using Quorate.Chaos.Checking;
using Quorate.Chaos.Processes;
using Quorate.Chaos.Training;
using Quorate.Shared.Text;
using Quorate.Shared.Transfer;

namespace Quorate.Chaos.Campaigns;

/// <summary>
/// One run after another on a cluster of real coordinators. During each run, faults of all kinds happen for a while
/// (the storm). Then everything is healed, the run must finish, and every promise is checked. The faults, their order
/// and their lengths come from the seed; how the processes interleave does not.
/// <para>
/// A run that does not finish, or cannot be checked, ends the campaign. Its files are kept.
/// </para>
/// </summary>
public sealed class Campaign(CampaignOptions options, Action<string> say)
{
    /// <summary>A strategy with a memory, which is published with the model, comes first.</summary>
    private static readonly string[] _strategies = ["fedavgm", "mean", "median"];

    private readonly Tally _tally = new(TimeProvider.System, say);
    private readonly List<string> _violations = [];
    private readonly List<Outcome> _outcomes = [];

    /// <summary>The folder with the cluster's files. It is kept if a promise was broken.</summary>
    public string Root { get; private set; } = "";

    public Tally Tally => _tally;

    /// <exception cref="OperationCanceledException">Cancelled; no process and no file is left behind.</exception>
    /// <exception cref="ProgramEndedException">A node ended while the cluster started.</exception>
    /// <exception cref="TimeoutException">The cluster did not start in time.</exception>
    /// <exception cref="TransferException">The cluster did not accept the seed model.</exception>
    public async Task<CampaignReport> RunAsync(CancellationToken token)
    {
        await using var cluster = await ChaosCluster.StartAsync(RunOf(0), options.Pace, options.Seed);
        Root = cluster.Root;
        try
        {
            for (int number = 0; ; number++)
            {
                if (number > 0) await cluster.OpenAsync(RunOf(number), options.Pace);
                await OneRunAsync(cluster, number, token);
                if (_violations.Count > 0 || _tally.Elapsed >= options.Length) break;
            }
        }
        catch (Exception e) when (e is TimeoutException or ProgramEndedException or TransferException)
        {
            _violations.Add(e.Message);
        }
        catch (OperationCanceledException) when (token.IsCancellationRequested)
        {
            cluster.Passed();
            throw;
        }
        CheckAssumptions();
        if (_violations.Count == 0) cluster.Passed();
        return Report();
    }

    /// <summary>
    /// Every run has other weights, and the next of three strategies; every second one closes a round with one update
    /// missing.
    /// </summary>
    private ChaosRun RunOf(int number) => new()
    {
        Strategy = _strategies[number % _strategies.Length],
        Name = $"storm-{number}", Seed = Draws.Mix(options.Seed, (ulong)number), Rounds = options.Rounds,
        Trainers = options.Trainers, MinResults = number % 2 == 0 ? 0 : options.Trainers - 1,
        Grace = number % 2 == 0 ? TimeSpan.Zero : TimeSpan.FromSeconds(1),
    };

    private async Task OneRunAsync(ChaosCluster cluster, int number, CancellationToken token)
    {
        _tally.Say($"run {cluster.Run.Name}: {PlainText.Count(options.Rounds, "round")}, "
            + PlainText.Count(options.Trainers, "trainer"));
        var killed = await StormAsync(cluster, number, token);
        _tally.Say("healed");
        long healed = TimeProvider.System.GetTimestamp();
        await cluster.WhenFinishedAsync(options.Patience).WaitAsync(token);
        double seconds = TimeProvider.System.GetElapsedTime(healed).TotalSeconds;
        var trainers = cluster.Trainers.ToList();
        var outcome = await Outcome.OfAsync(cluster, undisturbed: null, killed).WaitAsync(token);
        _tally.Count(Tally.Twins, trainers.Sum(trainer => trainer.Twins));
        _outcomes.Add(outcome);
        _violations.AddRange(outcome.Violations);
        if (!outcome.Enough) _violations.Add($"Too little happened to prove anything: {outcome.Summary}");
        _tally.Say($"run {cluster.Run.Name} finished {seconds:F1} s after healing: {outcome.Summary}");
        _tally.Say($"so far: {_tally}");
    }

    /// <summary>
    /// Faults of all kinds at once, until the storm or the run ends. Returns the trainers that may have trained twice.
    /// </summary>
    private async Task<List<string>> StormAsync(ChaosCluster cluster, int number, CancellationToken token)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(token);
        using var victims = new Victims(cluster, _tally);
        var clients = new ClientFaults(cluster, _tally, Stream("clients"));
        over.CancelAfter(options.Storm);
        Task[] parts =
        [
            new Kills(cluster, victims, _tally, Stream("kills")).RunAsync(over.Token),
            LaterAsync(new Pauses(victims, _tally, Stream("pauses")).RunAsync),
            LaterAsync(new NetworkFaults(cluster, victims, _tally, Stream("network")).RunAsync),
            LaterAsync(clients.RunAsync),
            EndAsync(cluster, over),
        ];
        try
        {
            await Task.WhenAll(parts);
        }
        catch (OperationCanceledException) when (!token.IsCancellationRequested)
        {
            // The storm has ended.
        }
        cluster.Network!.Clear();
        for (int node = 0; node < ChaosCluster.Nodes; node++) await victims.StartAsync(node, meanwhile: null, token);
        return [.. clients.Killed.Keys];

        // Only kills at first: the failover time can be measured only while there are no other faults.
        async Task LaterAsync(Func<CancellationToken, Task> part)
        {
            await Task.Delay(options.Storm / 4, TimeProvider.System, over.Token);
            await part(over.Token);
        }

        Draws Stream(string name) => Draws.Named(Draws.Mix(options.Seed, (ulong)number), name);
    }

    /// <summary>Ends the faults when the run ends, so that they do not leak into the next run.</summary>
    private static async Task EndAsync(ChaosCluster cluster, CancellationTokenSource over)
    {
        await cluster.WhenAsync(run => run.Phase >= Shared.Protocol.RunPhase.Finished, "the end of the run",
            Timeout.InfiniteTimeSpan, over.Token);
        await over.CancelAsync();
    }

    /// <summary>A campaign in which some kind of fault never happened proves nothing about that kind.</summary>
    private void CheckAssumptions()
    {
        string[] always = [Tally.Kills, Tally.Pauses, Tally.Partitions];
        string[] inLong = [Tally.Delays, Tally.Resets, Tally.TrainerKills, Tally.Cuts, Tally.Stalls, Tally.Flips,
            Tally.Twins, Tally.DiskFaults];
        var due = options.Length >= TimeSpan.FromMinutes(5) ? always.Concat(inLong) : always;
        foreach (string fault in due.Where(fault => _tally[fault] == 0))
            _violations.Add($"There were no {fault}, so nothing was proved about them.");
    }

    private CampaignReport Report() => new(
        options.Seed, Math.Round(_tally.Elapsed.TotalSeconds, 1), _tally[Tally.Kills], _tally[Tally.Pauses],
        _tally[Tally.Partitions], _tally[Tally.DiskFaults], _outcomes.Sum(o => o.Safe), _outcomes.Sum(o => o.Lost),
        _outcomes.Sum(o => o.CountedTwice), _outcomes.Sum(o => o.Models), All(o => o.Linearizable),
        All(o => o.BitIdentical), All(o => o.ChainsEqual), Percentiles.Of(_tally.Failovers), _violations);

    private bool All(Func<Outcome, bool> holds) => _outcomes.Count > 0 && _outcomes.All(holds);
}
