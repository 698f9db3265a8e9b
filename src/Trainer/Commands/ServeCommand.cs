using System.CommandLine;
using Quorate.Trainer.Learning;

namespace Quorate.Trainer.Commands;

/// <summary><c>serve</c>: makes and scores models for the coordinator that started it, until its input ends.</summary>
internal static class ServeCommand
{
    public static Command Create()
    {
        var options = new RunOptions();
        var command = new Command("serve", "Makes and scores models: a JSON request a line in, an answer a line out.");
        options.AddTo(command, withRun: false);
        command.SetAction(async (line, cancellation) =>
        {
            using var input = new StreamReader(Console.OpenStandardInput());
            using var server = new ModelServer(options.DataFolder(line), options.LoadTorch(line));
            await server.ServeAsync(input, Console.Out, cancellation);
            return ExitCode.Done;
        });
        return command;
    }
}
