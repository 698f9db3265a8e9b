using System.CommandLine;
using System.Security.Cryptography;
using Grpc.Core;
using Quorate.Cli.Show;
using Quorate.Rounds;
using Quorate.Shared.Cluster;
using Quorate.Shared.Protocol;
using Quorate.Shared.Runs;
using Command = System.CommandLine.Command;

namespace Quorate.Cli.Commands;

/// <summary>
/// <c>quorate run start | list | show | stop | pause | resume | limit</c>, and the aliases <c>run FILE</c> and
/// <c>stop</c>.
/// </summary>
internal static class RunCommands
{
    /// <summary>Attempts of a write that is not answered, a second apart: twice the time of a failover.</summary>
    private const int Attempts = 10;

    private static readonly TimeSpan _pause = TimeSpan.FromSeconds(1);

    /// <summary>A commit takes milliseconds; a leader without its majority answers within an election.</summary>
    private static readonly TimeSpan _answerTimeout = TimeSpan.FromSeconds(5);

    public static Command Build()
    {
        var hosts = QuorateCommand.Hosts();
        hosts.Recursive = true;
        var file = RunFileArgument();
        file.Arity = ArgumentArity.ZeroOrOne;
        var command = new Command("run",
            "Start, list, show, stop, pause and roll back runs. `quorate run FILE` is `quorate run start FILE`.")
        {
            file, hosts, BuildStart(hosts), BuildList(hosts), BuildShow(hosts), BuildStop(hosts), BuildPause(hosts),
            BuildResume(hosts), BuildLimit(hosts), RollbackCommand.Build(hosts),
        };
        command.SetAction((parsed, token) => QuorateCommand.Guarded(
            t => parsed.GetValue(file) is { } path
                ? StartAsync(path, parsed.GetValue(hosts)!, t)
                : throw new CommandException(
                    ExitCode.BadInput,
                    "Name a run file, or one of start, list, show, stop, pause, resume, limit and rollback: "
                    + "`quorate run --help`."),
            token));
        return command;
    }

    public static Command BuildStop(Option<string> hosts)
    {
        var name = RunArgument();
        var reason = new Option<string>("--reason")
        {
            Description = "Recorded with the run", DefaultValueFactory = _ => "stopped from the command line",
        };
        var command = new Command("stop", "End a run before its last round. Its models are kept.") { name, reason };
        command.SetAction((parsed, token) => QuorateCommand.Guarded(
            t => WriteAsync(
                parsed.GetValue(hosts)!, parsed.GetValue(name)!, $"Run {parsed.GetValue(name)} is stopped.",
                (leader, key, options) => leader.StopRunAsync(
                    new StopRunRequest { Run = parsed.GetValue(name), Reason = parsed.GetValue(reason), Key = key },
                    options),
                t),
            token));
        return command;
    }

    internal static Argument<string> RunArgument() => new("RUN") { Description = "The run's name" };

    private static Argument<string?> RunFileArgument() =>
        new("FILE") { Description = "A run file, such as config/runs/mnist.json" };

    private static Command BuildStart(Option<string> hosts)
    {
        var file = RunFileArgument();
        var command = new Command("start",
            "Open a run. It starts when enough trainers are connected, or is queued while no place is free.")
        {
            file,
        };
        command.SetAction((parsed, token) => QuorateCommand.Guarded(
            t => StartAsync(parsed.GetValue(file)!, parsed.GetValue(hosts)!, t), token));
        return command;
    }

    private static Command BuildPause(Option<string> hosts)
    {
        var name = RunArgument();
        var command = new Command("pause", "Pause a run: the open round accepts updates, and no further round opens.")
        {
            name,
        };
        command.SetAction((parsed, token) => QuorateCommand.Guarded(
            t => WriteAsync(
                parsed.GetValue(hosts)!, parsed.GetValue(name)!, $"Run {parsed.GetValue(name)} is paused.",
                (leader, key, options) => leader.PauseRunAsync(
                    new PauseRunRequest { Run = parsed.GetValue(name), Key = key }, options), t),
            token));
        return command;
    }

    private static Command BuildResume(Option<string> hosts)
    {
        var name = RunArgument();
        var command = new Command("resume", "Let a paused run continue.") { name };
        command.SetAction((parsed, token) => QuorateCommand.Guarded(
            t => WriteAsync(
                parsed.GetValue(hosts)!, parsed.GetValue(name)!, $"Run {parsed.GetValue(name)} continues.",
                (leader, key, options) => leader.ResumeRunAsync(
                    new ResumeRunRequest { Run = parsed.GetValue(name), Key = key }, options), t),
            token));
        return command;
    }

    private static Command BuildLimit(Option<string> hosts)
    {
        var most = new Argument<int?>("N")
        {
            Description = $"1 to {Rounds.Limits.ActiveRuns}",
            CustomParser = QuorateCommand.Ranged("N", 1, Rounds.Limits.ActiveRuns),
        };
        var command = new Command("limit",
            "Let up to N runs be active at the same time; further ones are queued. A lower limit stops no run.")
        {
            most,
        };
        command.SetAction((parsed, token) => QuorateCommand.Guarded(
            t => ChangeClusterAsync(
                parsed.GetValue(hosts)!, $"The limit of active runs is {parsed.GetValue(most)} now.",
                (leader, key, options) => leader.LimitRunsAsync(
                    new LimitRunsRequest { MaxActive = parsed.GetValue(most)!.Value, Key = key }, options), t),
            token));
        return command;
    }

    private static Command BuildList(Option<string> hosts)
    {
        var command = new Command("list", "List all runs of the cluster, oldest first.");
        command.SetAction((parsed, token) => QuorateCommand.Guarded(
            async t =>
            {
                using var client = QuorateCommand.Connect(parsed.GetValue(hosts)!);
                var status = await QuorateCommand.NewestAsync(client, new StatusRequest { Trail = 1 }, t);
                Output.Standard.Lines(StatusText.Runs(status.Runs));
                return ExitCode.Ok;
            },
            token));
        return command;
    }

    private static Command BuildShow(Option<string> hosts)
    {
        var name = RunArgument();
        var command = new Command("show", "Show one run: its trainers, updates and models.") { name };
        command.SetAction((parsed, token) => QuorateCommand.Guarded(
            async t =>
            {
                using var client = QuorateCommand.Connect(parsed.GetValue(hosts)!);
                var output = Output.Standard;
                var status = await QuorateCommand.RunAsync(client, parsed.GetValue(name)!, t);
                output.Lines(StatusText.Run(status, output.Width));
                return ExitCode.Ok;
            },
            token));
        return command;
    }

    private static async Task<ExitCode> StartAsync(string path, string hosts, CancellationToken token)
    {
        if (!File.Exists(path)) throw new CommandException(ExitCode.BadInput, $"There is no file {path}.");
        var run = RunFile.Load(path);
        return await WriteAsync(hosts, run.Name.ToString(), $"Run {run.Name} is open.",
            (leader, key, options) => leader.OpenRunAsync(
                new OpenRunRequest { RunFile = run.Json, Key = key }, options), token);
    }

    private static async Task<ExitCode> WriteAsync(
        string hosts, string run, string done, AdminCall call, CancellationToken token)
    {
        using var cluster = QuorateCommand.Connect(hosts);
        Output.Standard.Line(await WriteAsync(cluster, run, done, call, token));
        return ExitCode.Ok;
    }

    /// <summary>Changes something of the whole cluster, and says so.</summary>
    /// <exception cref="CommandException">It was refused, or not answered.</exception>
    internal static async Task<ExitCode> ChangeClusterAsync(
        string hosts, string done, AdminCall call, CancellationToken token)
    {
        using var cluster = QuorateCommand.Connect(hosts);
        var (reply, _) = await SendAsync(cluster, call, token);
        Output.Standard.Line(Sentence(reply, ended: false, run: "", done));
        return ExitCode.Ok;
    }

    /// <summary>Sends a write about a run. If it is accepted, <paramref name="done"/> tells the user.</summary>
    /// <returns>What to tell the user.</returns>
    /// <exception cref="CommandException">It was refused, or not answered.</exception>
    internal static async Task<string> WriteAsync(
        ClusterConnections cluster, string run, string done, AdminCall call, CancellationToken token)
    {
        var (reply, isRepeated) = await SendAsync(cluster, call, token);
        var now = isRepeated || reply.Verdict is VerdictCode.Duplicate
            ? (await QuorateCommand.RunAsync(cluster, run, token)).Run
            : null;
        // The lost answer said so.
        if (isRepeated && now!.Phase is RunPhase.Queued)
            return now.WaitingFor.Replace("The run", $"Run '{run}'", StringComparison.Ordinal);
        return Sentence(reply, now?.Phase.HasEnded() == true, run, done);
    }

    /// <summary>
    /// Sends a write to the leader until it is answered. All attempts have one key, so it is applied once, however
    /// often a leader changes or an answer is lost.
    /// </summary>
    /// <returns>
    /// The answer to the first attempt that reached the log, without its reason if that answer was lost.
    /// </returns>
    /// <exception cref="CommandException">It was not answered.</exception>
    internal static async Task<(VerdictReply Reply, bool IsRepeated)> SendAsync(
        ClusterConnections cluster, AdminCall call, CancellationToken token)
    {
        var key = RequestKey.Parse(RandomNumberGenerator.GetHexString(32, lowercase: true));
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            if (attempt > 0) await Task.Delay(_pause, TimeProvider.System, token);
            if (await cluster.FindLeaderAsync(token) is not { } leader) continue;
            var reply = await AskAsync(options => call(leader.Admin, key.ToString(), options), token);
            if (reply is null) continue;
            bool before = reply.Reason == Outcome.AcceptedBefore(key).Reason;
            return (before ? new VerdictReply { Verdict = VerdictCode.Accepted } : reply, before);
        }
        throw new CommandException(ExitCode.TimedOut,
            "No leader answered: the cluster has no quorum, or the hosts file is wrong. See `quorate status`.");
    }

    /// <summary>What to tell the user after a write that was done, now or before.</summary>
    /// <exception cref="CommandException">It was refused, or the run had ended before.</exception>
    internal static string Sentence(VerdictReply reply, bool ended, string run, string done) => reply.Verdict switch
    {
        VerdictCode.Accepted => reply.Reason.Length > 0 ? reply.Reason : done,
        VerdictCode.Duplicate when ended => throw new CommandException(
            ExitCode.BadInput, $"Run {run} has already ended; see `quorate run show {run}`. Nothing was changed."),
        VerdictCode.Duplicate => reply.Reason,
        _ => throw new CommandException(ExitCode.BadInput, $"Refused: {reply.Reason}"),
    };

    /// <summary>The answer, or null if none came or the node no longer leads.</summary>
    private static async Task<VerdictReply?> AskAsync(
        Func<CallOptions, AsyncUnaryCall<VerdictReply>> call, CancellationToken token)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(token);
        limit.CancelAfter(_answerTimeout);
        try
        {
            return await call(new CallOptions(cancellationToken: limit.Token));
        }
        catch (OperationCanceledException) when (!token.IsCancellationRequested)
        {
            return null;
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable or StatusCode.FailedPrecondition)
        {
            return null;
        }
        catch (RpcException e) when (e.StatusCode is not StatusCode.Cancelled)
        {
            throw new CommandException(ExitCode.BadInput, $"Refused: {e.Status.Detail}");
        }
    }
}

/// <summary>A write that one operator's request makes; <paramref name="key"/> tells its repetitions apart.</summary>
internal delegate AsyncUnaryCall<VerdictReply> AdminCall(Admin.AdminClient leader, string key, CallOptions options);
