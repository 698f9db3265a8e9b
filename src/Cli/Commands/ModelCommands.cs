using System.CommandLine;
using System.Globalization;
using Quorate.Cli.Show;
using Quorate.Shared.Cluster;
using Quorate.Shared.Protocol;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate models list | pull | push | verify</c>, and the aliases <c>pull</c> and <c>push</c>.</summary>
internal static class ModelCommands
{
    public static Command Build()
    {
        var hosts = QuorateCommand.Hosts();
        hosts.Recursive = true;
        var run = RunOption();
        var command = new Command("models",
            "List, download, upload and verify models. `quorate models` is `quorate models list`.")
        {
            run, hosts, BuildList(hosts), BuildPull(hosts), BuildPush(hosts), BuildVerify(hosts),
        };
        command.SetAction((parsed, token) => QuorateCommand.Guarded(
            t => ListAsync(parsed.GetValue(hosts)!, parsed.GetValue(run)!, t), token));
        return command;
    }

    public static Command BuildPull(Option<string> hosts)
    {
        var run = RunOption();
        var round = new Option<string>("--round")
        {
            Description = "The number of a round, best, or final", DefaultValueFactory = _ => "final",
        };
        var output = new Option<string>("--output", "-o")
        {
            Description = "The file to write", HelpName = "FILE", DefaultValueFactory = _ => "model.pt",
        };
        var command = new Command("pull", "Download a model as a PyTorch .pt file.") { run, round, output };
        command.SetAction((parsed, token) => QuorateCommand.Guarded(
            async t =>
            {
                using var client = QuorateCommand.Connect(parsed.GetValue(hosts)!);
                var (status, _) = await QuorateCommand.RunAsync(client, parsed.GetValue(run)!, t);
                var model = Choose(status, parsed.GetValue(round)!);
                string path = parsed.GetValue(output)!;
                string hash = await ModelFile.DownloadAsync(client, model, path, TimeProvider.System, t);
                Console.WriteLine($"round {model.Round}  {path}  sha256 {hash}");
                return ExitCode.Ok;
            },
            token));
        return command;
    }

    public static Command BuildPush(Option<string> hosts)
    {
        var file = new Argument<string>("FILE") { Description = "A PyTorch .pt file" };
        var run = new Option<string>("--run")
        {
            Description = "The name of the run, which must wait for its initial model", Required = true,
        };
        var command = new Command("push", "Upload the model that a run starts from.") { file, run };
        command.SetAction((parsed, token) => QuorateCommand.Guarded(
            async t =>
            {
                var (path, name) = (parsed.GetValue(file)!, parsed.GetValue(run)!);
                if (!File.Exists(path)) throw new CommandException(ExitCode.BadInput, $"There is no file {path}.");
                using var client = QuorateCommand.Connect(parsed.GetValue(hosts)!);
                var reply = await SeedUpload.SendAsync(client, name, path, TimeProvider.System, t);
                Console.WriteLine(RunCommands.Sentence(reply, ended: false, name, $"starts from {path}"));
                return ExitCode.Ok;
            },
            token));
        return command;
    }

    /// <summary>The model that <c>--round</c> names.</summary>
    /// <exception cref="CommandException">There is no such model.</exception>
    public static ModelStatus Choose(RunStatus run, string round) => round switch
    {
        "final" => run.Trail.LastOrDefault(),
        "best" => run.BestRound > 0 ? run.Trail.FirstOrDefault(m => m.Round == run.BestRound) : null,
        _ when int.TryParse(round, NumberStyles.None, CultureInfo.InvariantCulture, out int number) =>
            run.Trail.FirstOrDefault(m => m.Round == number),
        _ => throw new CommandException(ExitCode.BadInput, $"--round must be a number, best or final, not {round}."),
    } ?? throw new CommandException(
        ExitCode.BadInput, $"Run {run.Run} has no such model (--round {round}); see `quorate models list`.");

    private static Command BuildList(Option<string> hosts)
    {
        var run = RunOption();
        var command = new Command("list", "List the models of a run.") { run };
        command.SetAction((parsed, token) => QuorateCommand.Guarded(
            t => ListAsync(parsed.GetValue(hosts)!, parsed.GetValue(run)!, t), token));
        return command;
    }

    private static Command BuildVerify(Option<string> hosts)
    {
        var run = RunOption();
        var command = new Command("verify", "Read every model of a run from every node and compare it with its hash.")
        {
            run,
        };
        command.SetAction((parsed, token) => QuorateCommand.Guarded(
            async t =>
            {
                using var client = QuorateCommand.Connect(parsed.GetValue(hosts)!);
                var (status, _) = await QuorateCommand.RunAsync(client, parsed.GetValue(run)!, t);
                bool correct = true;
                foreach (var model in status.Trail)
                {
                    var copies = await ModelFile.ReadAllAsync(client, model, t);
                    var (line, holds) = Verified(model,
                        [.. client.Nodes.Zip(copies, (node, copy) => (node.Id, copy))], model == status.Trail[^1]);
                    Console.WriteLine(line);
                    correct &= holds;
                }
                return correct ? ExitCode.Ok : ExitCode.Differs;
            },
            token));
        return command;
    }

    /// <summary>
    /// A line about one model, and whether all is well: no node sends wrong bytes, and either all nodes have the model
    /// or none has, because a run keeps only some of its models. The newest is always kept.
    /// </summary>
    public static (string Line, bool Holds) Verified(
        ModelStatus model, IReadOnlyList<(int Node, Copy Copy)> copies, bool newest)
    {
        var missing = copies.Where(c => c.Copy is Copy.None).Select(c => c.Node).ToList();
        var wrong = copies.Where(c => c.Copy is Copy.Wrong).Select(c => c.Node).ToList();
        var (words, holds) = (wrong.Count, missing.Count) switch
        {
            ( > 0, _) => ($"WRONG BYTES from {Nodes(wrong)}", false),
            (0, 0) => ("correct on all nodes", true),
            _ when missing.Count == copies.Count && !newest => ("no longer kept", true),
            _ => ($"missing on {Nodes(missing)}", false),
        };
        return ($"round {model.Round,3}  {Convert.ToHexStringLower(model.Blob.Span)}  {words}", holds);

        static string Nodes(List<int> ids) => $"node{(ids.Count == 1 ? "" : "s")} {string.Join(", ", ids)}";
    }

    private static Option<string> RunOption() => new("--run")
    {
        Description = "The run's name (default: the active run, or else the newest)", DefaultValueFactory = _ => "",
    };

    private static async Task<ExitCode> ListAsync(string hosts, string run, CancellationToken token)
    {
        using var client = QuorateCommand.Connect(hosts);
        var (status, _) = await QuorateCommand.RunAsync(client, run, token);
        foreach (string line in StatusText.Trail(status)) Console.WriteLine(line);
        return ExitCode.Ok;
    }
}
