using System.CommandLine;
using Quorate.Shared.Hosts;
using Quorate.Shared.Processes;
using Quorate.Shared.Runs;
using Quorate.Trainer;
using Quorate.Trainer.Commands;

var program = new RootCommand("Trains models on its own data, for a Quorate cluster.")
{
    InitCommand.Create(),
    TrainCommand.Create(),
    ScoreCommand.Create(),
    ServeCommand.Create(),
    BenchCommand.Create(),
    AttendCommand.Create(),
};

// `--id 3` alone attends, as in the first days of this program.
if (args is [var first, ..] && first.StartsWith("--id", StringComparison.Ordinal))
    args = ["attend", .. args];

if (CrashPoint.Arm(Environment.GetEnvironmentVariable(CrashPoint.Variable)) is { } flaw)
{
    await Console.Error.WriteLineAsync(flaw);
    return ExitCode.BadInput;
}
ParseResult line = program.Parse(args);
using var stopping = new CancellationTokenSource();
using var signals = new StopSignals(stopping);
try
{
    var invocation = new InvocationConfiguration
    {
        EnableDefaultExceptionHandler = false,
        ProcessTerminationTimeout = null, // StopSignals does it.
    };
    int code = await line.InvokeAsync(invocation, stopping.Token);
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
