using System.CommandLine;
using Quorate.Cli.Show;
using Quorate.Rounds;
using Quorate.Shared.Cluster;
using Quorate.Shared.Protocol;
using Quorate.Shared.Runs;
using Quorate.Shared.Transfer;
using Command = System.CommandLine.Command;

namespace Quorate.Cli.Commands;

/// <summary>
/// <c>quorate run rollback</c>: stops a run and opens a new one that starts from the model of one of its rounds.
/// Everything that would refuse the new run is checked before the old one is stopped.
/// </summary>
internal sealed class RollbackCommand(ClusterConnections cluster, RunId run, int round, RunId name, bool freshMemory)
{
    /// <summary>
    /// Looks at a stopped run, a second apart. The first is enough, unless the leader changes: it applies the stop
    /// before it answers.
    /// </summary>
    private const int LooksMax = 10;

    private static readonly TimeSpan _pause = TimeSpan.FromSeconds(1);

    /// <summary>A node sends a blob's first byte in milliseconds.</summary>
    private static readonly TimeSpan _probeTimeout = TimeSpan.FromSeconds(5);

    public static Command Build(Option<string> hosts)
    {
        var run = RunCommands.RunArgument();
        var round = QuorateCommand.Number("--round", "The round whose model the new run starts from", 0, Limits.Rounds);
        round.Required = true;
        var name = new Option<string>("--as")
        {
            Description = "The new run's name", HelpName = "NAME", Required = true,
        };
        var fresh = new Option<bool>("--fresh-memory")
        {
            Description = "Start without what the aggregation rule remembers of that round, such as its momentum",
        };
        var command = new Command("rollback",
            "Stop a run if it is active, and open a new one that starts from the model of one of its rounds. The new "
                + "run has the same run file under another name.")
        {
            run, round, name, fresh,
        };
        command.SetAction((parsed, token) => QuorateCommand.Guarded(
            async t =>
            {
                var (from, to) = (NameOf(parsed.GetValue(run)!), NameOf(parsed.GetValue(name)!));
                using var cluster = QuorateCommand.Connect(parsed.GetValue(hosts)!);
                var rollback = new RollbackCommand(
                    cluster, from, parsed.GetValue(round)!.Value, to, parsed.GetValue(fresh));
                Output.Standard.Line(await rollback.RunAsync(t));
                return ExitCode.Ok;
            },
            token));
        return command;
    }

    /// <summary>Whether the run keeps this model's bytes after a stop, as the coordinators decide it.</summary>
    public static bool IsKept(RunStatus run, int round, int keepModels) =>
        run.Trail.TakeLast(keepModels).Any(model => model.Round == round) || (round > 0 && round == run.BestRound);

    /// <returns>What to tell the user.</returns>
    /// <exception cref="CommandException">It was refused, or no leader answers.</exception>
    public async Task<string> RunAsync(CancellationToken token)
    {
        var (known, runs) = await LookAsync(token);
        var file = RunFile.Parse(known.Plan, $"The file of run {run}");
        bool active = !known.Phase.HasEnded();
        // Of a run that has ended, the leader decides: it changes nothing where it refuses, and knows a repetition.
        if (active && runs.Any(other => other.Run == name.ToString()))
            throw Refused($"There is another run {name}: choose a new name");
        var model = known.Trail.FirstOrDefault(model => model.Round == round)
            ?? throw Refused($"Run {run} has no model of round {round}");
        if (active && !IsKept(known, round, file.Rules.KeepModels))
            throw Refused($"Run {run} no longer keeps the model of round {round}");
        if (!await AnyHasAsync(model.Blob, token)) throw Refused($"No node has the model of round {round} any more");
        if (!freshMemory && !model.Memory.IsEmpty && !await AnyHasAsync(model.Memory, token))
            throw Refused($"No node has the server memory of round {round} any more: --fresh-memory starts without it");
        if (active) await StopAsync(token);
        try
        {
            return await OpenAsync(file, token);
        }
        catch (CommandException e) when (active)
        {
            throw new CommandException(e.Code, $"Run {run} is stopped, but run {name} is not open: {e.Message}");
        }
    }

    private Task<string> OpenAsync(RunFile file, CancellationToken token)
    {
        var request = new OpenRunRequest
        {
            RunFile = (file with { Name = name }).Json,
            Parent = new ParentRound { Run = run.ToString(), Round = round, FreshMemory = freshMemory },
        };
        return RunCommands.WriteAsync(
            cluster, name.ToString(), $"Run {name} is open and starts from round {round} of run {run}.",
            (leader, key, options) => leader.OpenRunAsync(new OpenRunRequest(request) { Key = key }, options), token);
    }

    /// <summary>Stops the run and returns once it has ended.</summary>
    private async Task StopAsync(CancellationToken token)
    {
        var stop = new StopRunRequest { Run = run.ToString(), Reason = $"rolled back to round {round} as {name}" };
        await RunCommands.WriteAsync(cluster, run.ToString(), $"Run {run} is stopped.",
            (leader, key, options) => leader.StopRunAsync(new StopRunRequest(stop) { Key = key }, options), token);
        for (int look = 0; look < LooksMax; look++)
        {
            if (ClusterText.Leading(await StatusAsync(token))?.Run?.Phase.HasEnded() == true) return;
            await Task.Delay(_pause, TimeProvider.System, token);
        }
        throw new CommandException(ExitCode.TimedOut,
            $"Run {run} was stopped, but no leader confirms it: repeat the command.");
    }

    /// <summary>The run with its whole trail, and all runs, as of now.</summary>
    private async Task<(RunStatus Run, IReadOnlyList<RunSummary> All)> LookAsync(CancellationToken token)
    {
        var status = ClusterText.Leading(await StatusAsync(token))
            ?? throw new CommandException(ExitCode.TimedOut, "No leader answers; see `quorate status`.");
        return (status.Run ?? throw new CommandException(
            ExitCode.BadInput, $"The cluster knows no run {run}; see `quorate run list`."), status.Runs);
    }

    private Task<StatusReply?[]> StatusAsync(CancellationToken token) =>
        cluster.StatusAsync(new StatusRequest { Run = run.ToString(), Linearizable = true }, token);

    private async Task<bool> AnyHasAsync(Google.Protobuf.ByteString hash, CancellationToken token)
    {
        var blob = BlobHash.FromBytes(hash.Span);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(token);
        limit.CancelAfter(_probeTimeout);
        bool[] answers = await Task.WhenAll(cluster.Nodes.Select(node => HasAsync(node, blob, limit.Token)));
        token.ThrowIfCancellationRequested();
        return answers.Contains(true);
    }

    private static async Task<bool> HasAsync(NodeConnection node, BlobHash blob, CancellationToken bound)
    {
        try
        {
            return await BlobProbe.HasAsync(node.Transfer, blob, bound);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private static CommandException Refused(string why) => new(ExitCode.BadInput, $"{why}; nothing was changed.");

    private static RunId NameOf(string text)
    {
        try
        {
            return RunId.Parse(text);
        }
        catch (FormatException e)
        {
            throw new CommandException(ExitCode.BadInput, e.Message);
        }
    }
}
