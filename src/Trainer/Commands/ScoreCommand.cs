using System.CommandLine;
using System.Text.Json;
using Quorate.Shared.Runs;
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
        var options = new RunOptions();
        var modelPath = new Option<string>("--model") { Description = "The model (.pt).", Required = true };
        var count = new Option<int?>("--images") { Description = "Score on the first N test images, not on all." };
        count.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() < 1)
                result.AddError("--images must be 1 or more.");
        });
        var json = new Option<bool>("--json") { Description = "Print one JSON object: loss, accuracy (0..1), images." };
        var command = new Command("score", "Scores a model on the test images.") { modelPath, count, json };
        options.AddTo(command);
        command.SetAction(line =>
        {
            (_, TrainingPlan plan) = options.Load(line);
            var device = options.LoadTorch(line);
            using var model = ModelFactory.Build(plan.Model);
            ModelFile.Load(model, line.GetRequiredValue(modelPath));
            model.to(device);
            using ImageSet images = Mnist.Test(plan.Data, options.DataFolder(line, plan), line.GetValue(count), device);
            Score score = Scoring.Of(model, images);
            Console.WriteLine(line.GetValue(json)
                ? JsonSerializer.Serialize(score, JsonSerializerOptions.Web)
                : $"loss {score.Loss:f4} · accuracy {score.Accuracy:p2} · {score.Images} images");
            return ExitCode.Done;
        });
        return command;
    }
}
