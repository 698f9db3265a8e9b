using System.CommandLine;
using Quorate.Trainer.Learning;

namespace Quorate.Trainer.Commands;

/// <summary><c>serve</c>: makes and scores models for the coordinator that started it, until its input ends.</summary>
internal static class ServeCommand
{
    public static Command Create()
    {
        var command = new Command("serve", "Makes and scores models: one JSON request per input line, one answer each.")
            .With(TrainerSettings.Data, TrainerSettings.Device, TrainerSettings.Libtorch);
        command.SetAction(async (line, cancellation) =>
        {
            using var input = new StreamReader(Console.OpenStandardInput());
            using var server = new ModelServer(TrainerSettings.DataFolder(line), TrainerSettings.LoadTorch(line));
            await server.ServeAsync(input, Console.Out, cancellation);
            return ExitCode.Done;
        });
        return command;
    }
}
