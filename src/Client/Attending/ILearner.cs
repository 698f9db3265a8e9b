using Quorate.Rounds;
using Quorate.Shared.Runs;
using Quorate.Shared.Transfer;

namespace Quorate.Client.Attending;

/// <summary>
/// What turns a model into an update. Two stand: torch in the trainer program, and arithmetic without torch in the
/// chaos tests and benchmarks. Called by one <see cref="RoundWorker"/>, one call at a time.
/// </summary>
public interface ILearner : IDisposable
{
    /// <summary>The run whose data is loaded; null before the first.</summary>
    RunId? Run { get; }

    /// <summary>Examples this trainer has for <see cref="Run"/>.</summary>
    long Examples { get; }

    /// <summary>Loads what the run needs and then sets <see cref="Run"/>.</summary>
    Task PrepareAsync(RunId run, RunFile file, CancellationToken token);

    /// <summary>Trains from the model file, and writes the update, whole, before it returns.</summary>
    /// <param name="update">Takes the .pt file, once. What was written is forgotten if this throws.</param>
    /// <param name="progress">Told how far it is, 0 to 1.</param>
    Learned Train(
        RoundWork work, string model, HashedFileStream update, Action<double> progress, CancellationToken token);
}

/// <summary>What is to be said of an update.</summary>
/// <param name="Examples">Its weight in the average.</param>
/// <param name="Loss">Mean training loss; NaN where there is none.</param>
public sealed record Learned(long Examples, double Loss);
