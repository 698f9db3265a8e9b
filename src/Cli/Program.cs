using System.CommandLine;
using Quorate.Cli;
using Quorate.Cli.Commands;
using Quorate.Shared.Processes;

// Libraries and connections of the demo and of chaos, the commands that open most.
const int OpenFilesMin = 192;

if (!StandardStreams.TryOpen(OpenFilesMin, isLog: false)) return (int)ExitCode.BadInput;
return await RunAsync(args);

// A method of its own: what it names is loaded after the check.
static async Task<int> RunAsync(string[] args)
{
    try
    {
        var line = QuorateCommand.Build().Parse(args);
        int code = await line.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        return line.Errors.Count == 0 ? code : (int)ExitCode.BadInput;
    }
    catch (OutputLostException e)
    {
        return e.Report();
    }
}
