using System.CommandLine;
using Quorate.Settings;
using Quorate.Trainer.Models;

namespace Quorate.Trainer.Commands;

/// <summary><c>init</c>: a run's first model. The model's name and the seed alone decide every byte of the file.
/// </summary>
internal static class InitCommand
{
    public static Command Create()
    {
        var output = Setting.Required("out", SettingKinds.Text("a file", "FILE"), "the model is written here (.pt)");
        var command = new Command("init", "Writes a run's first model.").WithFlags(output).WithRun()
            .With(TrainerSettings.Libtorch);
        command.SetAction(line =>
        {
            var (run, plan) = TrainerSettings.LoadRun(line);
            string file = ModelFile.Prepare(SettingSource.Flags.Get(line, output));
            TrainerSettings.LoadTorch(line, cpu: true);
            using var model = ModelFactory.Initial(plan.Model, run.Seed);
            ModelFile.Save(model, file);
            return ExitCode.Done;
        });
        return command;
    }
}
