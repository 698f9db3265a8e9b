using Quorate.Rounds;
using Quorate.Shared.Attending;
using Quorate.Shared.Runs;

namespace Quorate.Simulation.Actors;

/// <summary>Learning that is arithmetic and takes no time; how long a round takes is up to the network.</summary>
internal sealed class ArithmeticLearner(SimulatedRun run, int trainer) : ILearner
{
    public RunId? Run { get; private set; }

    public long Examples => SimulatedRun.ExamplesOf(trainer);

    public Task PrepareAsync(RunId id, RunFile file, CancellationToken token)
    {
        Run = id;
        return Task.CompletedTask;
    }

    public LearnedFile Train(
        RoundWork work, string model, string folder, Action<double> progress, CancellationToken token)
    {
        string path = Path.Combine(folder, $"round-{work.Round}.pt");
        run.WriteUpdate(model, work.Round, trainer, path);
        return new LearnedFile(path, Examples, Loss: 1.0 / work.Round);
    }

    public void Dispose()
    {
    }
}
