using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;
using Quorate.Chaos.Processes;
using Quorate.Cli.Show;
using Quorate.Shared.Cluster;
using Quorate.Shared.Hosts;
using Quorate.Shared.Processes;
using Quorate.Shared.Protocol;
using Quorate.Shared.Runs;
using Quorate.Shared.Transfer;

namespace Quorate.Cli.Commands;

/// <summary>The root of the command line. Here, errors become sentences and exit codes.</summary>
internal static class QuorateCommand
{
    private const string Codes =
        "Exit codes: 0 success; 1 the final hashes or the nodes' histories differ, something accepted was lost, or a "
        + "promise is broken; 2 bad input or a refused request; 3 no leader, or out of time; 4 a process of the demo "
        + "or of chaos died unexpectedly; 130 interrupted.";

    public static RootCommand Build() => new($"Federated learning that survives its servers.\n\n{Codes}")
    {
        DemoCommand.Build(),
        ChaosCommand.Build(),
        ChaosCommand.BuildMixedVersions(),
        StatusCommand.Build(),
        RunCommands.Build(),
        ModelCommands.Build(),
        UpgradeCommand.Build(),
        Alias(RunCommands.BuildStop, "run stop"),
        Alias(ModelCommands.BuildPull, "models pull"),
        Alias(ModelCommands.BuildPush, "models push"),
    };

    public static Option<string> Hosts() => new("--hosts")
    {
        Description = "The hosts file with the coordinators' addresses",
        HelpName = "FILE",
        DefaultValueFactory = _ => Programs.Beside("config/hosts.json"),
    };

    /// <summary>
    /// An option with a range. It parses the number itself, so that a word is refused in plain English and not with the
    /// name of a .NET type.
    /// </summary>
    public static Option<T?> Number<T>(string name, string description, T min, T max)
        where T : struct, INumber<T> => new(name)
    {
        Description = description, HelpName = "N", CustomParser = Ranged(name, min, max),
    };

    /// <summary>Reads a number in a range, or adds a sentence that names the range.</summary>
    public static Func<ArgumentResult, T?> Ranged<T>(string name, T min, T max)
        where T : struct, INumber<T> => result =>
    {
        string text = result.Tokens[0].Value;
        if (T.TryParse(text, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max)
            return value;
        string number = typeof(T) == typeof(double) ? "a number" : "a whole number";
        result.AddError(FormattableString.Invariant($"{name} must be {number} from {min} to {max}, not '{text}'."));
        return null;
    };

    public static Option<ulong?> Seed(string description) =>
        Number<ulong>("--seed", description, 0, ulong.MaxValue);

    /// <summary>Connections for one command. A new process needs more time for its first calls.</summary>
    public static ClusterConnections Connect(HostsFile hosts) =>
        new(hosts, TimeProvider.System) { StatusTimeout = TimeSpan.FromSeconds(3) };

    public static ClusterConnections Connect(string hosts) => Connect(HostsFile.Load(hosts));

    /// <summary>The newest status of any node.</summary>
    /// <exception cref="CommandException">No node answers.</exception>
    public static async Task<StatusReply> NewestAsync(
        ClusterConnections client, StatusRequest request, CancellationToken token) =>
        ClusterText.Newest(await client.StatusAsync(request, token))
            ?? throw new CommandException(ExitCode.TimedOut, "No node answers; see `quorate status`.");

    /// <summary>The newest status with a run and its whole trail.</summary>
    /// <param name="name">Empty for the oldest active run, or else the newest.</param>
    /// <exception cref="CommandException">No node answers, or there is no such run.</exception>
    public static async Task<StatusReply> RunAsync(
        ClusterConnections client, string name, CancellationToken token)
    {
        var status = await NewestAsync(client, new StatusRequest { Run = name }, token);
        return status.Run is not null ? status : throw new CommandException(ExitCode.BadInput,
            name.Length > 0 ? $"The cluster knows no run {name}; see `quorate run list`." : "There is no run yet.");
    }

    /// <summary>
    /// Runs a command. Expected errors become a sentence on stderr and an exit code.
    /// </summary>
    public static async Task<int> Guarded(Func<CancellationToken, Task<ExitCode>> work, CancellationToken token)
    {
        try
        {
            return (int)await work(token);
        }
        catch (CommandException e)
        {
            return Refuse(e.Code, [e.Message, .. e.Details]);
        }
        catch (Exception e) when (
            e is RunFileException or HostsFileException or UnauthorizedAccessException
                or (IOException and not OutputLostException))
        {
            return Refuse(ExitCode.BadInput, e.Message);
        }
        catch (Exception e) when (e is TransferException or TimeoutException)
        {
            return Refuse(ExitCode.TimedOut, e.Message);
        }
        catch (ProgramEndedException e)
        {
            return Refuse(ExitCode.ProcessDied, e.Message);
        }
        catch (OperationCanceledException) when (token.IsCancellationRequested)
        {
            return Refuse(ExitCode.Interrupted, "Interrupted.");
        }
    }

    /// <summary>An old, shorter spelling of a command.</summary>
    private static Command Alias(Func<Option<string>, Command> build, string full)
    {
        var hosts = Hosts();
        var command = build(hosts);
        command.Add(hosts);
        command.Description = $"Short for `quorate {full}`.";
        return command;
    }

    private static int Refuse(ExitCode code, params IEnumerable<string> lines)
    {
        Output.Errors.Lines(lines);
        return (int)code;
    }
}
