using System.CommandLine;
using Quorate.Shared.Runs;
using Quorate.Trainer.Models;

namespace Quorate.Trainer.Commands;

/// <summary><c>init</c>: a run's first model. Architecture and seed alone decide every byte of the file.</summary>
internal static class InitCommand
{
    public static Command Create()
    {
        var options = new RunOptions();
        var output = new Option<string>("--out") { Description = "Where the model goes (.pt).", Required = true };
        var command = new Command("init", "Writes a run's first model.") { output };
        options.AddTo(command, withData: false);
        command.SetAction(line =>
        {
            (RunFile run, TrainingPlan plan) = options.Load(line);
            options.LoadTorch(line);
            using var model = ModelFactory.Build(plan.Model);
            ModelFactory.Initialise(model, plan.Model, run.Seed);
            ModelFile.Save(model, line.GetRequiredValue(output));
            return ExitCode.Done;
        });
        return command;
    }
}
