using System.CommandLine;
using System.Globalization;
using Quorate.Cli.Show;
using Quorate.Shared.Cluster;
using Quorate.Shared.Protocol;
using Quorate.Shared.Runs;
using Quorate.Shared.Transfer;

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
            Description = "The number of a round, newest, best, or final (of a run that has finished)",
            DefaultValueFactory = _ => "newest",
        };
        var output = new Option<string>("--output", "-o")
        {
            Description = "The file to write", HelpName = "FILE", DefaultValueFactory = _ => "model.pt",
        };
        var command = new Command("pull", "Download a model as a PyTorch .pt file.") { run, round, output };
        command.SetAction((parsed, token) => QuorateCommand.Guarded(
            async t =>
            {
                string path = OutputFile.Prepare(parsed.GetValue(output)!, DownloadFiles.PartSuffix);
                using var client = QuorateCommand.Connect(parsed.GetValue(hosts)!);
                var status = (await QuorateCommand.RunAsync(client, parsed.GetValue(run)!, t)).Run;
                var model = Choose(status, parsed.GetValue(round)!);
                string hash = await ModelFile.DownloadAsync(client, model, path, TimeProvider.System, t);
                Output.Standard.Lines(Pulled(status, model, path, hash));
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
                Output.Standard.Line(
                    RunCommands.Sentence(reply, ended: false, name, $"Run {name} starts from {path}."));
                return ExitCode.Ok;
            },
            token));
        return command;
    }

    /// <summary>The model that <c>--round</c> names.</summary>
    /// <exception cref="CommandException">There is no such model, or its bytes are gone.</exception>
    public static ModelStatus Choose(RunStatus run, string round)
    {
        var model = round switch
        {
            "newest" => run.Trail.LastOrDefault(),
            "final" when run.Phase is RunPhase.Finished => run.Trail.LastOrDefault(),
            "final" => throw Refused($"Run {run.Run} is {ClusterText.Phase(run.Phase)} in round {run.Round} of "
                + $"{run.Rounds}, so it has no final model; --round newest is its newest one."),
            "best" => run.BestRound > 0 ? run.Trail.FirstOrDefault(m => m.Round == run.BestRound) : null,
            _ when int.TryParse(round, NumberStyles.None, CultureInfo.InvariantCulture, out int number) =>
                run.Trail.FirstOrDefault(m => m.Round == number),
            _ => throw Refused($"--round must be a number, newest, best or final, not {round}."),
        };
        if (model is { Kept: true }) return model;
        // Consecutive rounds differ from their places in the list by the same number.
        var kept = run.Trail.Where(m => m.Kept).Select((m, at) => (m.Round, Group: m.Round - at)).GroupBy(m => m.Group)
            .Select(group => (First: group.First().Round, Last: group.Last().Round))
            .Select(range => range.First == range.Last ? $"{range.First}" : $"{range.First}-{range.Last}");
        string rounds = string.Join(", ", kept);
        throw Refused($"Run {run.Run} has no model for --round {round}"
            + (model is null ? "" : $": it no longer keeps the model of round {model.Round}")
            + (rounds.Length > 0 ? $". It has those of the rounds {rounds}." : "; no model is published yet."));

        static CommandException Refused(string sentence) => new(ExitCode.BadInput, sentence);
    }

    /// <summary>What was downloaded. The path and the hash are on lines of their own, to be copied.</summary>
    public static IEnumerable<string> Pulled(RunStatus run, ModelStatus model, string path, string hash)
    {
        bool final = run.Phase is RunPhase.Finished && model.Round == run.Rounds;
        yield return $"round {model.Round} of {run.Rounds}, run {run.Run}"
            + (final ? ": the final model"
                : !run.Phase.HasEnded() ? ": not the final model, the run continues"
                : "");
        yield return path;
        yield return $"sha256 {hash}";
    }

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
                var status = (await QuorateCommand.RunAsync(client, parsed.GetValue(run)!, t)).Run;
                bool correct = true;
                foreach (var model in status.Trail)
                {
                    var copies = await ModelFile.ReadAllAsync(client, model, t);
                    var (line, holds) = Verified(model,
                        [.. client.Nodes.Zip(copies, (node, copy) => (node.Id, copy))], model == status.Trail[^1]);
                    Output.Standard.Line(line);
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
        var status = (await QuorateCommand.RunAsync(client, run, token)).Run;
        var output = Output.Standard;
        output.Lines(StatusText.Models(status, output.Width).SelectMany(rows => rows));
        return ExitCode.Ok;
    }
}
