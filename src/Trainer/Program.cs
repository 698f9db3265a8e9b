using System.CommandLine;
using Quorate.Shared.Hosts;
using Quorate.Shared.Runs;
using Quorate.Trainer;
using Quorate.Trainer.Commands;

var program = new RootCommand("Trains models on its own data, for a Quorate cluster.")
{
    InitCommand.Create(),
    TrainCommand.Create(),
    ScoreCommand.Create(),
    AttendCommand.Create(),
};

// `--id 3` alone attends, as in the first days of this program.
if (args is [var first, ..] && first.StartsWith("--id", StringComparison.Ordinal))
    args = ["attend", .. args];

ParseResult line = program.Parse(args);
try
{
    int code = await line.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
    return line.Errors.Count == 0 ? code : ExitCode.BadInput;
}
catch (OperationCanceledException)
{
    return ExitCode.Interrupted;
}
catch (Exception e) when (e is TrainerException or RunFileException or HostsFileException)
{
    await Console.Error.WriteLineAsync(e.Message);
    return ExitCode.BadInput;
}
