using System.Collections.Concurrent;
using System.Security.Cryptography;
using Quorate.Rounds;
using Quorate.Shared.Attending;
using Quorate.Shared.Runs;

namespace Quorate.Chaos.Training;

/// <summary>
/// Learning that is arithmetic: see <see cref="ChaosRun.WriteUpdate"/>. Everything around it is real.
/// </summary>
public sealed class SyntheticLearner(ChaosRun run, string trainer, TimeSpan pace, TrainerRecord record) : ILearner
{
    public RunId? Run { get; private set; }

    /// <summary>Unequal, so that a wrong weight shows in the average.</summary>
    public long Examples { get; } = 100 + trainer.Sum(c => c);

    public Task PrepareAsync(RunId run, RunFile file, CancellationToken token)
    {
        Run = run;
        return Task.CompletedTask;
    }

    public LearnedFile Train(
        RoundWork work, string model, string folder, Action<double> progress, CancellationToken token)
    {
        string path = Path.Combine(folder, $"round-{work.Round}.pt");
        // A round takes half to one and a half times the pace, by the same draw in every run of the seed.
        var draw = new Draws(Draws.Mix(run.Seed, (ulong)work.Round, (ulong)Examples, 7));
        token.WaitHandle.WaitOne(pace * (0.5 + draw.Below(1000) / 1000.0));
        token.ThrowIfCancellationRequested();
        run.WriteUpdate(model, work.Round, trainer, path, token);
        using (var file = File.OpenRead(path))
            record.Trained(work.Round, Convert.ToHexStringLower(SHA256.HashData(file)));
        progress(1);
        return new LearnedFile(path, Examples, Loss: 1.0 / work.Round);
    }

    public void Dispose()
    {
    }
}

/// <summary>What one trainer did and was told, across its restarts.</summary>
public sealed class TrainerRecord(string trainer)
{
    private readonly ConcurrentDictionary<int, string> _updates = new();
    private readonly ConcurrentDictionary<int, int> _trainings = new();

    public string Trainer => trainer;

    /// <summary>
    /// Rounds whose update was answered ACCEPTED or DUPLICATE, with the node attended then and the moment.
    /// </summary>
    public ConcurrentQueue<Answer> Safe { get; } = new();

    /// <summary>Lines no healthy run says: updates refused or stale, transfers given up.</summary>
    public ConcurrentQueue<string> Odd { get; } = new();

    /// <summary>How often each round was trained.</summary>
    public IReadOnlyDictionary<int, int> Trainings => _trainings;

    /// <summary>The SHA-256 of the newest update it made for a round.</summary>
    public string UpdateOf(int round) => _updates[round];

    public void Trained(int round, string sha256)
    {
        _updates[round] = sha256;
        _trainings.AddOrUpdate(round, 1, (_, count) => count + 1);
    }
}

/// <param name="Node">The coordinator that gave it.</param>
/// <param name="At">In <see cref="TimeProvider.GetTimestamp"/> units.</param>
public sealed record Answer(int Round, int Node, long At);
