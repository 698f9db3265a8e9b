using System.Runtime.InteropServices;
using Quorate.Pt;
using Quorate.Shared.Runs;
using Quorate.Trainer.Data;
using Quorate.Trainer.Learning;
using Quorate.Trainer.Models;
using static TorchSharp.torch;

namespace Quorate.Torch.Learning;

/// <summary>config/runs/mnist-logistic.json without a cluster: what its rounds must result in if nothing between the
/// trainers is lost.</summary>
public sealed class FederationTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Logistic_regression_reaches_its_known_accuracy()
    {
        RunFile run = RunFile.Load(Path.Combine(TrainerOutput.Repository, "config/runs/mnist-logistic.json"));
        TrainingPlan plan = run.Training!;
        using var model = ModelFactory.Build(plan.Model);
        ModelFactory.Initialise(model, plan.Model, run.Seed);
        ModelFile.Save(model, _folder["model.pt"]);
        LocalTraining[] trainers = [.. Enumerable.Range(0, plan.Data.Shards).Select(shard => new LocalTraining(
            plan, run.Seed, DataSets.Open(plan.Data, TrainerOutput.Mnist).Shard(run.Seed, shard, CPU), CPU))];

        for (int round = 1; round <= run.Rules.Rounds; round++)
        {
            for (int id = 0; id < trainers.Length; id++)
            {
                string update = _folder[$"{id}.pt"];
                trainers[id].Run(
                    _folder["model.pt"], round, $"{id}", network => ModelFile.Save(network, update), null, default);
            }
            Average([.. trainers.Select((_, id) => _folder[$"{id}.pt"])], _folder["model.pt"]);
        }

        ModelFile.Load(model, _folder["model.pt"]);
        using ImageSet test = DataSets.Open(plan.Data, TrainerOutput.Mnist).Test(null, CPU);
        Score score = Scoring.Of(model, test);
        Assert.Equal(10_000, score.Images);
        Assert.InRange(score.Accuracy, 0.913, 0.918);
        foreach (LocalTraining trainer in trainers)
            trainer.Dispose();
    }

    /// <summary>The mean of updates of equal weight, summed in double.</summary>
    private static void Average(string[] updates, string modelPath)
    {
        using var model = new MemoryStream();
        PtFile[] files = [.. updates.Select(PtFile.Open)];
        using (var writer = new PtWriter(model, files[0].Schema))
        {
            foreach (TensorInfo tensor in files[0].Schema)
            {
                float[] values = new float[tensor.Elements];
                double[] sums = new double[tensor.Elements];
                foreach (PtFile file in files)
                {
                    file.Read(file.Find(tensor.Name)!, 0, MemoryMarshal.AsBytes(values.AsSpan()));
                    for (int i = 0; i < sums.Length; i++)
                        sums[i] += values[i];
                }

                writer.Write(MemoryMarshal.AsBytes([.. sums.Select(sum => (float)(sum / files.Length))]));
            }

            writer.Complete();
        }

        foreach (PtFile file in files)
            file.Dispose();
        File.WriteAllBytes(modelPath, model.ToArray());
    }
}
