using System.CommandLine;
using Grpc.Core;
using Quorate.Shared.Cluster;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;
using Quorate.Shared.Runs;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate run FILE</c> and <c>quorate stop RUN</c>: the two writes a person may ask for.</summary>
internal static class RunCommands
{
    /// <summary>Times that a write without an answer is asked again, a second apart: twice a failover.</summary>
    private const int Attempts = 10;

    private static readonly TimeSpan _pause = TimeSpan.FromSeconds(1);

    /// <summary>A commit takes milliseconds; a leader without its majority answers within an election.</summary>
    private static readonly TimeSpan _answerTimeout = TimeSpan.FromSeconds(5);

    public static Command BuildRun()
    {
        var file = new Argument<string>("FILE") { Description = "A run file, such as config/runs/mnist.json" };
        var hosts = QuorateCommand.Hosts();
        var command = new Command("run", "Open a run: it starts when enough trainers are connected.") { file, hosts };
        command.SetAction((parsed, token) => QuorateCommand.Guarded(
            t =>
            {
                var run = RunFile.Load(parsed.GetValue(file)!);
                return TellAsync(
                    HostsFile.Load(parsed.GetValue(hosts)!), $"Run {run.Name} is open.",
                    (leader, options) => leader.OpenRunAsync(new OpenRunRequest { RunFile = run.Json }, options), t);
            },
            token));
        return command;
    }

    public static Command BuildStop()
    {
        var name = new Argument<string>("RUN") { Description = "Its name" };
        var reason = new Option<string>("--reason") { Description = "Kept with the run",
            DefaultValueFactory = _ => "stopped from the command line" };
        var hosts = QuorateCommand.Hosts();
        var command = new Command("stop", "End a run before its last round. Its models stay.") { name, reason, hosts };
        command.SetAction((parsed, token) => QuorateCommand.Guarded(
            t => TellAsync(
                HostsFile.Load(parsed.GetValue(hosts)!), $"Run {parsed.GetValue(name)} is stopped.",
                (leader, options) => leader.StopRunAsync(
                    new StopRunRequest { Run = parsed.GetValue(name), Reason = parsed.GetValue(reason) }, options), t),
            token));
        return command;
    }

    private static async Task<ExitCode> TellAsync(
        HostsFile hosts, string done,
        Func<Federation.FederationClient, CallOptions, AsyncUnaryCall<VerdictReply>> call, CancellationToken token)
    {
        using var cluster = QuorateCommand.Connect(hosts);
        // Asking again is safe: a write that was accepted without our hearing of it is answered as a duplicate.
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            if (attempt > 0) await Task.Delay(_pause, TimeProvider.System, token);
            if (await cluster.FindLeaderAsync(token) is not { } leader
                || await AskAsync(leader, call, token) is not { } reply) continue;
            if (reply.Verdict is not (VerdictCode.Accepted or VerdictCode.Duplicate))
                throw new CommandException(ExitCode.BadInput, $"Refused: {reply.Reason}");
            Console.WriteLine(reply.Verdict == VerdictCode.Duplicate ? reply.Reason : done);
            return ExitCode.Ok;
        }
        throw new CommandException(ExitCode.TimedOut,
            "No leader answered: no quorum, or wrong addresses in the hosts file. See `quorate status`.");
    }

    /// <summary>Null: no answer, or not from a leader any more.</summary>
    private static async Task<VerdictReply?> AskAsync(
        NodeConnection leader, Func<Federation.FederationClient, CallOptions, AsyncUnaryCall<VerdictReply>> call,
        CancellationToken token)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(token);
        limit.CancelAfter(_answerTimeout);
        try
        {
            return await call(leader.Federation, new CallOptions(cancellationToken: limit.Token));
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
