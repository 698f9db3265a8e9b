using Quorate.Client.Attending;
using Quorate.Rounds;
using Quorate.Shared.Runs;
using Quorate.Shared.Transfer;

namespace Quorate.Simulation.Actors;

/// <summary>Computes updates without torch, in no time. The network determines how long a round takes.</summary>
internal sealed class ArithmeticLearner(SimulatedRun run, int trainer) : ILearner
{
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
        run.WriteUpdate(model, work.Round, trainer, update);
        return new Learned(Examples, loss: 1.0 / work.Round);
    }

    public void Dispose()
    {
    }
}
