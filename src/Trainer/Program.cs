using System.CommandLine;
using Quorate.Settings;
using Quorate.Shared.Hosts;
using Quorate.Shared.Processes;
using Quorate.Shared.Runs;
using Quorate.Shared.Text;
using Quorate.Trainer;
using Quorate.Trainer.Commands;

// Libraries, libtorch's among them, and a trainer's connections.
const int OpenFilesMin = 192;

if (!StandardStreams.TryOpen(OpenFilesMin, isLog: false)) return ExitCode.BadInput;
return await RunAsync(args);

// A method of its own: what it names is loaded after the check.
static async Task<int> RunAsync(string[] args)
{
    var program = new RootCommand("Trains models on its own data, for a Quorate cluster.")
    {
        InitCommand.Create(),
        TrainCommand.Create(),
        ScoreCommand.Create(),
        ServeCommand.Create(),
        BenchCommand.Create(),
        AttendCommand.Create(),
    };

    // Flags without a command attend.
    if (args is [] || args[0].StartsWith("--", StringComparison.Ordinal) && args[0] is not ("--help" or "--version"))
        args = ["attend", .. args];

    if (!CrashPoint.TryArm(Environment.GetEnvironmentVariable(CrashPoint.Variable), out string? flaw))
    {
        await Console.Error.WriteLineAsync(flaw);
        return ExitCode.BadInput;
    }
    ParseResult line = SettingSource.Parse(program, args);
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
    catch (OutputLostException e)
    {
        return e.Report();
    }
    catch (Exception e) when (e is TrainerException or RunFileException or HostsFileException or IOException)
    {
        await Console.Error.WriteLineAsync(PlainText.Escape(e.Message));
        return ExitCode.BadInput;
    }
}
