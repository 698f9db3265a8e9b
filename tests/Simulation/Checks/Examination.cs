using Quorate.Aggregation;
using Quorate.Rounds;
using Quorate.Simulation.Actors;

namespace Quorate.Simulation.Checks;

/// <summary>
/// Checks the replicas' states, the disks and the trainers' answers at the end of a seed. It computes every update and
/// every model itself, so nothing that it compares with comes from the cluster.
/// </summary>
internal sealed class Examination(SimulatedCluster cluster, int weak)
{
    private readonly List<string> _findings = [];
    private readonly string _folder = Path.Combine(cluster.Folder, "examined");

    public IReadOnlyList<string> Findings()
    {
        Directory.CreateDirectory(_folder);
        _findings.AddRange(cluster.Answers.Broken);
        _findings.AddRange(cluster.Network.Unexpected);
        CheckAgreement();
        foreach (var simulated in cluster.Runs)
        {
            var run = cluster.Coordinators[0].Log.State.Find(simulated.Id);
            if (run is null || run.Trail.Count == 0)
                _findings.Add($"There is no run {simulated.Id}, or it has no model.");
            else CheckRun(run, simulated);
        }
        return _findings;
    }

    /// <summary>P3: all nodes have the same chain hash at every common index, and the same last index.</summary>
    private void CheckAgreement()
    {
        var chains = new Dictionary<long, BlobHash>();
        foreach (var coordinator in cluster.Coordinators)
        {
            if (Invariants.FirstBroken(coordinator.Log.State) is { } broken)
                _findings.Add($"{coordinator.Machine.Name}: {broken}");
            foreach (var (index, chain) in coordinator.Log.ChainWindow(0))
                if (!chains.TryAdd(index, chain) && chains[index] != chain)
                    _findings.Add($"Histories fork at index {index}.");
        }
        if (cluster.Coordinators.Select(c => c.Log.State.Index).Distinct().Count() > 1)
            _findings.Add("Not every node has caught up.");
    }

    private void CheckRun(Run run, SimulatedRun simulated)
    {
        var counted = Counted(run.Id);
        var kept = run.KeptUpdates.Select(update => update.Blob).ToHashSet();
        string model = Operator.SeedOf(cluster, run.Id);
        CheckModel(run.Trail[0], model);
        for (int round = 1; round < run.Trail.Count; round++)
        {
            var published = run.Trail[round];
            var files = counted[round].Values.Select(update => Made(simulated, update, round, model, kept)).ToList();
            string next = Path.Combine(_folder, $"{run.Id}-model-{round}.pt");
            using (var output = File.Create(next))
            {
                new Aggregator().AggregateAsync(
                    new RoundInputs(model, null, files, AggregationPlan.Mean), output, null, CancellationToken.None)
                    .GetAwaiter().GetResult();
            }
            CheckModel(published, next);
            model = next;
        }
        foreach (var (_, round, trainer) in cluster.Answers.Safe.Where(safe => safe.Run == run.Id))
        {
            var id = TrainerId.Parse(SimulatedRun.TrainerName(trainer));
            if (counted.GetValueOrDefault(round)?.ContainsKey(id) != true)
                _findings.Add(
                    $"The update of trainer {trainer} in round {round} of {run.Id} was reported safe but is missing.");
        }
    }

    /// <summary>
    /// What the coordinators counted in each round. Their log is applied again from its beginning, because a run
    /// forgets the updates that it does not keep.
    /// </summary>
    private Dictionary<int, IReadOnlyDictionary<TrainerId, Update>> Counted(RunId id)
    {
        var counted = new Dictionary<int, IReadOnlyDictionary<TrainerId, Update>>();
        var state = ClusterState.Empty;
        foreach (var entry in cluster.Consensus.Committed)
        {
            state = cluster.Apply(state, entry.Index, CommandCodec.Decode(entry.Command), entry.Command).State;
            // After its model is published, a round's updates are no longer in the state.
            if (state.Find(id) is { } run && run.Trail.Count <= run.Round)
                counted[run.Round] = run.Updates;
        }
        return counted;
    }

    /// <summary>P2: an update that counts in a round is the one that its trainer computed for that round.</summary>
    private WeightedFile Made(
        SimulatedRun simulated, Update update, int round, string model, HashSet<BlobHash> kept)
    {
        int trainer = int.Parse(update.Trainer.ToString()[1..], System.Globalization.CultureInfo.InvariantCulture);
        string path = Path.Combine(_folder, $"update-{trainer}.pt");
        simulated.WriteUpdate(model, round, trainer, path);
        var hash = BlobHash.Of(File.ReadAllBytes(path));
        if (hash != update.Blob)
            _findings.Add($"Round {round} counts {update.Blob.Short} for trainer {trainer} instead of {hash.Short}.");
        if (kept.Contains(update.Blob))
            CheckCopies(update.Blob, $"trainer {trainer}'s update of round {round}", everywhere: false);
        return new WeightedFile(path, SimulatedRun.ExamplesOf(trainer));
    }

    /// <summary>P5: the model is the average of what was accepted, bit for bit.</summary>
    private void CheckModel(PublishedModel published, string path)
    {
        var hash = BlobHash.Of(File.ReadAllBytes(path));
        if (hash != published.Blob)
            _findings.Add($"Round {published.Round}'s model is {published.Blob.Short} instead of {hash.Short}.");
        CheckCopies(published.Blob, $"round {published.Round}'s model", everywhere: true);
    }

    /// <summary>
    /// P1: a majority of the disks has a correct copy; the weak disk may have lost its copy. Every disk has the models.
    /// </summary>
    private void CheckCopies(BlobHash blob, string what, bool everywhere)
    {
        var holders = cluster.Coordinators.Where(coordinator =>
            File.Exists(coordinator.Blobs.PathOf(blob))
            && BlobHash.Of(File.ReadAllBytes(coordinator.Blobs.PathOf(blob))) == blob).ToList();
        int sound = holders.Count(holder => holder.Machine.Id != weak);
        bool rotten = cluster.World.Trace.Marks.ContainsKey("a bit flipped");
        bool enough = everywhere ? sound == 2 : sound >= 1 && (rotten || holders.Count >= 2);
        if (enough) return;
        _findings.Add($"Of {what} ({blob.Short}) there are {holders.Count} copies, {sound} on sound disks.");
    }
}
