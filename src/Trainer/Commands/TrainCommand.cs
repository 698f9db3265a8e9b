using System.Text.Json;
using Quorate.Rounds;
using Quorate.Settings;
using Quorate.Trainer.Data;
using Quorate.Trainer.Learning;
using Quorate.Trainer.Models;
using Command = System.CommandLine.Command;

namespace Quorate.Trainer.Commands;

/// <summary><c>train</c>: one trainer's part of one round, without a cluster. It makes the same bytes as an attending
/// trainer.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        var file = SettingKinds.Text("a file", "FILE");
        var modelPath = Setting.Required("model", file, "the round's model (.pt)");
        var output = Setting.Required("out", file, "the update is written here (.pt)");
        var shard = Setting.Required("shard", SettingKinds.Whole(0, Limits.Trainers - 1),
            "which shard of the training images");
        var round = Setting.Of("round", SettingKinds.Whole(1, Limits.Rounds), 1, "the round");
        var trainer = Setting.Optional("trainer", SettingKinds.Text("an id", "ID"), "the shard's number",
            "the trainer's id");
        var command = new Command("train", "Trains for one round, without a cluster.")
            .WithFlags(modelPath, output, shard, round, trainer)
            .WithRun().With(TrainerSettings.Data, TrainerSettings.Device, TrainerSettings.Libtorch);
        command.SetAction((line, cancellation) =>
        {
            var flags = SettingSource.Flags;
            var (run, plan) = TrainerSettings.LoadRun(line);
            string update = ModelFile.Prepare(flags.Get(line, output));
            var device = TrainerSettings.LoadTorch(line);
            int number = flags.Get(line, shard);
            var images = DataSets.Open(plan.Data, TrainerSettings.DataFolder(line)).Shard(run.Seed, number, device);
            using var training = new LocalTraining(plan, run.Seed, images, device);
            var result = training.Run(
                flags.Get(line, modelPath),
                flags.Get(line, round),
                flags.TryGet(line, trainer, out string? id) ? id : $"{number}",
                network => ModelFile.Save(network, update),
                progress: null,
                cancellation);
            Console.WriteLine(JsonSerializer.Serialize(result, JsonSerializerOptions.Web));
            return Task.FromResult(ExitCode.Done);
        });
        return command;
    }
}
