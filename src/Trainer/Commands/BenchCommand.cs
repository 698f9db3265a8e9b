using System.CommandLine;
using System.Text.Json;
using Quorate.Settings;
using Quorate.Shared.Runs;
using Quorate.Trainer.Data;
using Quorate.Trainer.Learning;
using Quorate.Trainer.Models;

namespace Quorate.Trainer.Commands;

/// <summary><c>bench</c>: how fast this machine trains a model. It runs the training of a round and leaves out the
/// first steps.</summary>
internal static class BenchCommand
{
    /// <summary>Images per step and per shard, as in the published comparison.</summary>
    private const int Batch = 32, ShardImages = 12_000;

    /// <summary>Steps before the measured ones; libtorch chooses its kernels in them.</summary>
    private const int WarmUp = 20;

    public static Command Create()
    {
        var model = Setting.Required("model", SettingKinds.Choice<ModelKind>(), "the model to train");
        var steps = Setting.Of("steps", SettingKinds.Whole(1, 1_000_000), 200, "measured steps");
        var command = new Command("bench", "Measures training: images a second, processor time an epoch.")
            .WithFlags(model, steps).With(TrainerSettings.Data, TrainerSettings.Device, TrainerSettings.Libtorch);
        command.SetAction((line, cancellation) =>
        {
            var device = TrainerSettings.LoadTorch(line);
            int wanted = SettingSource.Flags.Get(line, steps);
            var plan = new TrainingPlan(
                SettingSource.Flags.Get(line, model),
                new DataPlan(DataSetKind.Mnist, TrainerSettings.DataFolder(line) ?? "data/mnist", Shards: 5,
                    ShardImages, Partitioning.Iid, Normalisation.MeanStd),
                new LocalWork.Steps(WarmUp + wanted), Batch, new OptimiserPlan(OptimiserKind.Sgd, 0.01, 0, 0));
            string folder = Directory.CreateTempSubdirectory("quorate-bench-").FullName;
            try
            {
                Console.WriteLine(Measure(plan, folder, wanted, device, cancellation));
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
            return Task.FromResult(ExitCode.Done);
        });
        return command;
    }

    private static string Measure(
        TrainingPlan plan, string folder, int steps, TorchSharp.torch.Device device, CancellationToken cancellation)
    {
        string initial = Path.Combine(folder, "initial.pt");
        using (var network = ModelFactory.Build(plan.Model))
        {
            ModelFactory.Initialise(network, plan.Model, seed: 1);
            ModelFile.Save(network, initial);
        }
        var shard = DataSets.Open(plan.Data).Shard(runSeed: 1, shard: 0, device);
        using var training = new LocalTraining(plan, runSeed: 1, shard, device);
        var time = TimeProvider.System;
        long started = 0;
        TimeSpan spent = default, took = default;
        string update = Path.Combine(folder, "update.pt");
        training.Run(initial, 1, "bench", network => ModelFile.Save(network, update), progress =>
        {
            if (progress.Step == WarmUp) (started, spent) = (time.GetTimestamp(), Environment.CpuUsage.TotalTime);
            if (progress.Step != progress.Steps) return;
            (took, spent) = (time.GetElapsedTime(started), Environment.CpuUsage.TotalTime - spent);
        }, cancellation);
        double images = (double)steps * Batch;
        return JsonSerializer.Serialize(new
        {
            model = $"{plan.Model}".ToLowerInvariant(), device = $"{device}", steps, batch = Batch, epoch = ShardImages,
            samplesPerSecond = Math.Round(images / took.TotalSeconds, 1),
            cpuSecondsPerEpoch = Math.Round(spent.TotalSeconds / images * ShardImages, 3),
        });
    }
}
