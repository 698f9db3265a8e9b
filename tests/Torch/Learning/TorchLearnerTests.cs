using Quorate.Rounds;
using Quorate.Shared.Runs;
using Quorate.Shared.Transfer;
using Quorate.Trainer.Learning;
using static TorchSharp.torch;

namespace Quorate.Torch.Learning;

public sealed class TorchLearnerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_initial_model_has_the_bytes_that_init_writes()
    {
        string path = Path.Combine(TrainerOutput.Repository, "config/runs/mnist-logistic.json");
        RunFile run = RunFile.Load(path);
        using var learner = new TorchLearner(TrainerId.Parse("anna"), shard: 0, TrainerOutput.Mnist, CPU);
        await learner.PrepareAsync(run.Name, run, CancellationToken.None);

        using (var made = HashedFileStream.Create(_folder["made.pt"]))
            learner.MakeInitialModel(made, CancellationToken.None);

        await TrainerProcess.RunAsync("init", "--run", path, "--out", _folder["init.pt"]);
        Assert.Equal(File.ReadAllBytes(_folder["init.pt"]), File.ReadAllBytes(_folder["made.pt"]));
    }
}
