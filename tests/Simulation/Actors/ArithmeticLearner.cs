using Quorate.Client.Attending;
using Quorate.Rounds;
using Quorate.Shared.Runs;
using Quorate.Shared.Transfer;

namespace Quorate.Simulation.Actors;

/// <summary>Computes updates without torch, in no time. The network determines how long a round takes.</summary>
internal sealed class ArithmeticLearner(IReadOnlyList<SimulatedRun> runs, int trainer) : ILearner
{
    /// <summary>The run of the newest update, which is the one on disk; null before the first.</summary>
    public RunId? Trained { get; private set; }

    public RunId? Run { get; private set; }

    public long Examples => SimulatedRun.ExamplesOf(trainer);

    public Task PrepareAsync(RunId id, RunFile file, CancellationToken token)
    {
        Run = id;
        return Task.CompletedTask;
    }

    public Learned Train(
        RoundWork work, string model, HashedFileStream update, Action<double> progress, CancellationToken token)
    {
        Trained = work.Run;
        runs.Single(run => run.Id == work.Run).WriteUpdate(model, work.Round, trainer, update);
        return new Learned(Examples, loss: 1.0 / work.Round);
    }

    public void Dispose()
    {
    }
}
