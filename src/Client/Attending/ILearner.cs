using Quorate.Rounds;
using Quorate.Shared.Runs;
using Quorate.Shared.Transfer;

namespace Quorate.Client.Attending;

/// <summary>
/// What turns a model into an update: torch in the trainer program, arithmetic in the chaos tests and benchmarks.
/// Called by one <see cref="RoundWorker"/>, one call at a time.
/// </summary>
public interface ILearner : IDisposable
{
    /// <summary>The run whose data is loaded; null before the first.</summary>
    RunId? Run { get; }

    /// <summary>Examples this trainer has for <see cref="Run"/>.</summary>
    long Examples { get; }

    /// <summary>Loads what the run needs and then sets <see cref="Run"/>.</summary>
    /// <exception cref="LearnerException">This trainer cannot take part in the run, or not now.</exception>
    Task PrepareAsync(RunId run, RunFile file, CancellationToken token);

    /// <summary>
    /// Writes the model that the prepared run starts from. Called where the run file says <c>"initial": "trainer"</c>
    /// and this trainer has the lowest id of those present. Optional: without it, the trainer reports that it cannot.
    /// </summary>
    /// <param name="model">Takes the .pt file, once. If this method throws, what was written is dropped.</param>
    /// <exception cref="LearnerException">This trainer cannot make it, or not now.</exception>
    void MakeInitialModel(HashedFileStream model, CancellationToken token) => throw new LearnerException(
        "This trainer program makes no initial model; upload one with `quorate models push`.", isTemporary: false);

    /// <summary>Trains from the model file, and writes the whole update before it returns.</summary>
    /// <param name="update">Takes the .pt file, once. If this method throws, what was written is dropped.</param>
    /// <param name="progress">Called with how far it is, 0 to 1.</param>
    /// <exception cref="LearnerException">This trainer cannot do the work, or not now.</exception>
    Learned Train(
        RoundWork work, string model, HashedFileStream update, Action<double> progress, CancellationToken token);
}

/// <summary>What a training says about its update.</summary>
/// <param name="Examples">Its weight in the average.</param>
/// <param name="Metrics">Named numbers, such as <see cref="Metrics.Loss"/>; status and the trail show them.</param>
public sealed record Learned(long Examples, Metrics Metrics)
{
    /// <param name="loss">Mean training loss; NaN where there is none.</param>
    public Learned(long examples, double loss)
        : this(examples, Metrics.Of((Metrics.Loss, double.IsFinite(loss) ? loss : double.NaN)))
    {
    }
}

/// <summary>
/// A learner cannot do its part. The sentence says what is wrong, where, and how to fix it; the trainer says it on its
/// terminal, and status shows it.
/// </summary>
/// <param name="isTemporary">
/// True: the fault may pass, as a full disk does; the same step is tried again. False: nothing that this process can do
/// helps; the trainer takes no part in the run and waits for the next one.
/// </param>
public sealed class LearnerException(string sentence, bool isTemporary, Exception? inner = null)
    : Exception(sentence, inner)
{
    public bool IsTemporary => isTemporary;
}
