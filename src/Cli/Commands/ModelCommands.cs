using System.CommandLine;
using System.Globalization;
using Quorate.Cli.Demo;
using Quorate.Cli.Show;
using Quorate.Shared.Cluster;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate models</c> and <c>quorate pull</c>: the model trail and its files.</summary>
internal static class ModelCommands
{
    public static Command BuildModels()
    {
        var run = RunOption();
        var hosts = QuorateCommand.Hosts();
        var command = new Command("models", "List the models a run has made.") { run, hosts };
        command.SetAction((parsed, token) => QuorateCommand.Guarded(
            async t =>
            {
                using var client = QuorateCommand.Connect(HostsFile.Load(parsed.GetValue(hosts)!));
                foreach (string line in StatusText.Trail(await RunAsync(client, parsed.GetValue(run)!, t)))
                    Console.WriteLine(line);
                return ExitCode.Ok;
            },
            token));
        return command;
    }

    public static Command BuildPull()
    {
        var run = RunOption();
        var round = new Option<string>("--round") { Description = "A round's number, best, or final",
            DefaultValueFactory = _ => "final" };
        var output = new Option<string>("--output", "-o") { Description = "The file to write",
            DefaultValueFactory = _ => "model.pt" };
        var hosts = QuorateCommand.Hosts();
        var command = new Command("pull", "Fetch a model as a PyTorch .pt file.") { run, round, output, hosts };
        command.SetAction((parsed, token) => QuorateCommand.Guarded(
            async t =>
            {
                using var client = QuorateCommand.Connect(HostsFile.Load(parsed.GetValue(hosts)!));
                var model = Choose(await RunAsync(client, parsed.GetValue(run)!, t), parsed.GetValue(round)!);
                string hash = await FinalModel.FetchAsync(client, model, parsed.GetValue(output)!, TimeProvider.System,
                    t);
                Console.WriteLine($"round {model.Round}  {parsed.GetValue(output)}  sha256 {hash}");
                return ExitCode.Ok;
            },
            token));
        return command;
    }

    /// <summary>The model that <c>--round</c> names.</summary>
    /// <exception cref="CommandException">There is none.</exception>
    public static ModelStatus Choose(RunStatus run, string round) => round switch
    {
        "final" => run.Trail.LastOrDefault(),
        "best" => run.Trail.Where(m => m.Score is not null).MaxBy(m => m.Score.Accuracy),
        _ when int.TryParse(round, NumberStyles.None, CultureInfo.InvariantCulture, out int number) =>
            run.Trail.FirstOrDefault(m => m.Round == number),
        _ => throw new CommandException(ExitCode.BadInput, $"--round must be a number, best or final, not {round}."),
    } ?? throw new CommandException(
        ExitCode.BadInput, $"Run {run.Run} has no such model (--round {round}); see `quorate models`.");

    private static Option<string> RunOption() =>
        new("--run") { Description = "The run's name (default: the active one, else the newest)",
            DefaultValueFactory = _ => "" };

    private static async Task<RunStatus> RunAsync(ClusterConnections client, string name, CancellationToken token)
    {
        var replies = await client.StatusAsync(new StatusRequest { Run = name }, token);
        if (replies.All(r => r is null))
            throw new CommandException(ExitCode.TimedOut, "No node answers; see `quorate status`.");
        return ClusterText.Newest(replies)?.Run
            ?? throw new CommandException(ExitCode.BadInput,
                name.Length > 0 ? $"The cluster knows no run {name}." : "There is no run yet.");
    }
}
