using System.CommandLine;
using Quorate.Chaos.Processes;
using Quorate.Shared.Cluster;
using Quorate.Shared.Hosts;
using Quorate.Shared.Runs;
using Quorate.Shared.Transfer;

namespace Quorate.Cli.Commands;

/// <summary>The root of the command line, and the one place where errors become sentences and exit codes.</summary>
internal static class QuorateCommand
{
    private const string Codes =
        "Exit codes: 0 ok; 1 the final hashes differ, something accepted was lost or a promise broken; 2 bad input; "
        + "3 no leader, or time ran out; 4 a process of the demo, or one that chaos had only just started, died; "
        + "130 interrupted.";

    public static RootCommand Build() => new($"Federated learning that outlives its servers.\n\n{Codes}")
    {
        DemoCommand.Build(),
        ChaosCommand.Build(),
        StatusCommand.Build(),
        RunCommands.BuildRun(),
        RunCommands.BuildStop(),
        ModelCommands.BuildModels(),
        ModelCommands.BuildPull(),
    };

    public static Option<string> Hosts() => new("--hosts")
    {
        Description = "The hosts file: who the coordinators are",
        HelpName = "FILE",
        DefaultValueFactory = _ => Programs.Beside("config/hosts.json"),
    };

    /// <summary>Connections for one command: this process is cold, so its first calls get more time.</summary>
    public static ClusterConnections Connect(HostsFile hosts) =>
        new(hosts, TimeProvider.System) { StatusTimeout = TimeSpan.FromSeconds(3) };

    /// <summary>
    /// Runs a command's work; what it throws for the user becomes a sentence on stderr and an exit code.
    /// </summary>
    public static async Task<int> Guarded(Func<CancellationToken, Task<ExitCode>> work, CancellationToken token)
    {
        try
        {
            return (int)await work(token);
        }
        catch (CommandException e)
        {
            return await Refuse(e.Code, e.Message);
        }
        catch (RunFileException e)
        {
            return await Refuse(ExitCode.BadInput, e.Message);
        }
        catch (HostsFileException e)
        {
            return await Refuse(ExitCode.BadInput, e.Message);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return await Refuse(ExitCode.BadInput, e.Message);
        }
        catch (Exception e) when (e is TransferException or TimeoutException)
        {
            return await Refuse(ExitCode.TimedOut, e.Message);
        }
        catch (ProgramEndedException e)
        {
            return await Refuse(ExitCode.ProcessDied, e.Message);
        }
        catch (OperationCanceledException) when (token.IsCancellationRequested)
        {
            return await Refuse(ExitCode.Interrupted, "Interrupted.");
        }
    }

    private static async Task<int> Refuse(ExitCode code, string sentence)
    {
        await Console.Error.WriteLineAsync(sentence);
        return (int)code;
    }
}
