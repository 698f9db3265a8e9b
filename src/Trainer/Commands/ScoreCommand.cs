using System.CommandLine;
using System.Text.Json;
using Quorate.Settings;
using Quorate.Shared.Text;
using Quorate.Trainer.Data;
using Quorate.Trainer.Learning;
using Quorate.Trainer.Models;
using TorchSharp;

namespace Quorate.Trainer.Commands;

/// <summary><c>score</c>: loss and accuracy of a model on the held-out images.</summary>
internal static class ScoreCommand
{
    public static Command Create()
    {
        var modelPath = Setting.Required("model", SettingKinds.Text("a file", "FILE"), "the model (.pt)");
        var count = Setting.Optional("images", SettingKinds.Whole(1, int.MaxValue), "all",
            "score on the first N test images");
        var json = Setting.Of("json", SettingKinds.Switch, false,
            "print one JSON object: loss, accuracy (0..1), images");
        var command = new Command("score", "Scores a model on the test images.").WithFlags(modelPath, count, json)
            .WithRun().With(TrainerSettings.Data, TrainerSettings.Device, TrainerSettings.Libtorch);
        command.SetAction(line =>
        {
            var flags = SettingSource.Flags;
            var (_, plan) = TrainerSettings.LoadRun(line);
            var device = TrainerSettings.LoadTorch(line);
            using var model = ModelFactory.Build(plan.Model);
            ModelFile.Load(model, flags.Get(line, modelPath));
            model.to(device);
            int? images = flags.TryGet(line, count, out int first) ? first : null;
            using ImageSet set = DataSets.Open(plan.Data, TrainerSettings.DataFolder(line)).Test(images, device);
            Score score = Scoring.Of(model, set);
            Console.WriteLine(flags.Get(line, json)
                ? JsonSerializer.Serialize(score, JsonSerializerOptions.Web)
                : $"loss {score.Loss:f4} · accuracy {score.Accuracy:p2} · {PlainText.Count(score.Images, "image")}");
            return ExitCode.Done;
        });
        return command;
    }
}
