using System.Collections.Concurrent;
using Quorate.Chaos.Checking;
using Quorate.Client.Attending;
using Quorate.Rounds;
using Quorate.Shared.Protocol;
using Quorate.Shared.Runs;
using Quorate.Shared.Transfer;

namespace Quorate.Chaos.Training;

/// <summary>
/// Computes updates without torch, see <see cref="ChaosRun"/>. Everything around it is real. It takes part in every
/// active run; the record is about its own.
/// </summary>
public sealed class SyntheticLearner(ChaosRun own, string trainer, TimeSpan pace, TrainerRecord record) : ILearner
{
    private readonly ChaosRun _own = own;
    private ChaosRun _run = own;

    public RunId? Run { get; private set; }

    public bool IsOwnRun => _run == _own;

    public long Examples { get; } = ChaosRun.ExamplesOf(trainer);

    public Task PrepareAsync(RunId run, RunFile file, CancellationToken token)
    {
        Run = run;
        _run = _own with { Name = file.Name.ToString(), Seed = file.Seed };
        return Task.CompletedTask;
    }

    /// <summary>Called with the round and its model for an update of which a twin was requested.</summary>
    public Action<int, string>? Trained { get; init; }

    public Learned Train(
        RoundWork work, string model, HashedFileStream update, Action<double> progress, CancellationToken token)
    {
        // Training takes 0.5 to 1.5 times the pace; the same for every run with this seed.
        var draw = new Draws(Draws.Mix(_run.Seed, (ulong)work.Round, (ulong)Examples, 7));
        token.WaitHandle.WaitOne(pace * (0.5 + draw.Below(1000) / 1000.0));
        token.ThrowIfCancellationRequested();
        _run.WriteUpdate(model, work.Round, trainer, update, token);
        progress(1);
        if (IsOwnRun)
        {
            record.Trained(work.Round, update.Hash.ToString());
            if (record.TakeTwin()) Trained?.Invoke(work.Round, model);
            record.Offering(_own.Name, work.Round);
        }
        return new Learned(Examples, loss: 1.0 / work.Round);
    }

    public void Dispose()
    {
    }
}

/// <summary>What one trainer did and which answers it received, across its restarts.</summary>
public sealed class TrainerRecord(string trainer)
{
    private readonly ConcurrentDictionary<int, string> _updates = new();
    private readonly ConcurrentDictionary<int, int> _trainings = new();
    private readonly ConcurrentDictionary<int, Operation> _offered = new();
    private int _twins;

    public string Trainer => trainer;

    /// <summary>
    /// Rounds whose update was answered with ACCEPTED or DUPLICATE, with the attended node and the time.
    /// </summary>
    public ConcurrentQueue<SafeAnswer> Safe { get; } = new();

    /// <summary>Lines that a healthy run never prints: rejected or stale updates, failed transfers.</summary>
    public ConcurrentQueue<string> Odd { get; } = new();

    /// <summary>How often each round was trained.</summary>
    public IReadOnlyDictionary<int, int> Trainings => _trainings;

    /// <summary>Its offers with their answers, including those of its twins.</summary>
    public ConcurrentQueue<Operation> Offers { get; } = new();

    /// <summary>Offers without an answer: they may have taken effect.</summary>
    public IEnumerable<Operation> Unanswered => _offered.Values;

    /// <summary>Has its next update sent by a <see cref="Twin"/> too.</summary>
    public void RequestTwin() => Interlocked.Exchange(ref _twins, 1);

    public bool TakeTwin() => Interlocked.Exchange(ref _twins, 0) == 1;

    /// <summary>An update is about to be offered.</summary>
    public void Offering(string run, int round)
    {
        Answered(round, verdict: null); // A repeated offer after a restart: the first may have arrived.
        _offered[round] = new Operation($"{run}/{round}/{trainer}", trainer, TimeProvider.System.GetTimestamp(), 0,
            OperationKind.Offer, UpdateOf(round), Answer.Unknown);
    }

    /// <param name="verdict">Null if there was no answer.</param>
    public void Answered(int round, VerdictCode? verdict)
    {
        if (!_offered.TryRemove(round, out var asked)) return;
        long now = TimeProvider.System.GetTimestamp();
        foreach (var operation in Training.Offers.Answered(asked, verdict ?? VerdictCode.Unspecified, now))
            Offers.Enqueue(operation);
    }

    /// <summary>The SHA-256 of its newest update for a round.</summary>
    public string UpdateOf(int round) => _updates[round];

    public void Trained(int round, string sha256)
    {
        _updates[round] = sha256;
        _trainings.AddOrUpdate(round, 1, (_, count) => count + 1);
    }
}

/// <summary>An answer that an update is safe.</summary>
/// <param name="Node">The coordinator that answered.</param>
/// <param name="At">In <see cref="TimeProvider.GetTimestamp"/> units.</param>
public sealed record SafeAnswer(int Round, int Node, long At);
