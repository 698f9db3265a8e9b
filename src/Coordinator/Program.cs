using Microsoft.Extensions.Logging.Console;
using Quorate.Coordinator;
using Quorate.Coordinator.Disk;
using Quorate.Coordinator.Doors;
using Quorate.Coordinator.Settings;
using Quorate.Coordinator.Telemetry;
using Quorate.Settings;
using Quorate.Shared.Processes;
using Quorate.Shared.Text;

if (!StandardStreams.TryOpen(ListenerLimits.OpenFilesMin, isLog: true)) return ExitCode.BadSettings;
return await RunAsync(args);

// A method of its own: what it names is loaded after the check.
static async Task<int> RunAsync(string[] args)
{
    NativeHeap.Share();
    if (args.Contains("--help") || args.Contains("-h"))
    {
        var usage = CoordinatorOptions.CommandLine(SettingSource.Process);
        return await SettingSource.Parse(usage, ["--help"]).InvokeAsync();
    }
    try
    {
        if (!CrashPoint.TryArm(Environment.GetEnvironmentVariable(CrashPoint.Variable), out string? flaw))
            throw new SettingsException([flaw]);
        var options = CoordinatorOptions.Read(args, SettingSource.Process);
        using var data = DataDirectory.Open(options.DataDirectory, options.Node);
        using var stopping = new CancellationTokenSource();
        using var signals = new StopSignals(stopping);
        return await new CoordinatorNode(options, data, ToConsole).RunAsync(stopping.Token);
    }
    catch (Exception e) when (ExitCode.Of(e) is { } code)
    {
        foreach (string line in e.Message.Split('\n')) await Console.Error.WriteLineAsync(PlainText.Escape(line));
        return code;
    }
}

static void ToConsole(ILoggingBuilder logging) => logging
    .AddConsole(console => console.FormatterName = LogLines.FormatterName)
    .AddConsoleFormatter<LogLines, ConsoleFormatterOptions>()
    .AddFilter("Microsoft", LogLevel.Warning)
    .AddFilter("Grpc", LogLevel.Warning)
    .AddFilter("System", LogLevel.Warning)
    .LimitRepeats();
