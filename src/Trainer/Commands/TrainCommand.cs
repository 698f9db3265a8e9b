using System.CommandLine;
using System.Text.Json;
using Quorate.Shared.Runs;
using Quorate.Trainer.Data;
using Quorate.Trainer.Learning;
using Quorate.Trainer.Models;

namespace Quorate.Trainer.Commands;

/// <summary><c>train</c>: one trainer's one round, without a cluster: what an attending trainer does, repeated by hand,
/// to the byte.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        var options = new RunOptions();
        var modelPath = new Option<string>("--model") { Description = "The round's model (.pt).", Required = true };
        var output = new Option<string>("--out") { Description = "Where the update goes (.pt).", Required = true };
        var shard = new Option<int>("--shard") { Description = "Which shard of the training images.", Required = true };
        var round = new Option<int>("--round") { Description = "The round, from 1.", DefaultValueFactory = _ => 1 };
        var trainer = new Option<string?>("--trainer") { Description = "The trainer's id, if not the shard's number." };
        var command = new Command("train", "Trains for one round, without a cluster.")
        {
            modelPath, output, shard, round, trainer,
        };
        options.AddTo(command);
        command.SetAction((line, cancellation) =>
        {
            (RunFile run, TrainingPlan plan) = options.Load(line);
            var device = options.LoadTorch(line);
            int number = line.GetValue(shard);
            ImageSet images = Mnist.Shard(plan.Data, options.DataFolder(line, plan), run.Seed, number, device);
            using var training = new LocalTraining(plan, run.Seed, images, device);
            LocalResult result = training.Run(
                line.GetRequiredValue(modelPath),
                line.GetValue(round),
                line.GetValue(trainer) ?? $"{number}",
                network => ModelFile.Save(network, line.GetRequiredValue(output)),
                progress: null,
                cancellation);
            Console.WriteLine(JsonSerializer.Serialize(result, JsonSerializerOptions.Web));
            return Task.FromResult(ExitCode.Done);
        });
        return command;
    }
}
