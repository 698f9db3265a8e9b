using System.CommandLine;
using System.Security.Cryptography;
using System.Threading.Channels;
using Grpc.Core;
using Quorate.Shared.Cluster;
using Quorate.Shared.Hosts;
using Quorate.Shared.Processes;
using Quorate.Shared.Protocol;
using Quorate.Shared.Runs;

namespace Quorate.Benchmarks;

/// <summary>
/// <c>attendants</c>: one process of members that attend but never train, with one connection. Like a real trainer,
/// each joins when it is told that it is not a member. Prints a line for each event: <c>received ROUND TICKS</c>,
/// <c>broken</c> (a stream) or <c>lost</c> (a membership).
/// </summary>
internal static class AttendantsCommand
{
    public static Command Create()
    {
        var hosts = new Option<string>("--hosts") { Required = true };
        var first = new Option<int>("--first") { Required = true };
        var count = new Option<int>("--count") { Required = true };
        var beat = new Option<int>("--beat-seconds") { Required = true };
        var command = new Command("attendants", "Members that only attend; started by the other commands.")
        {
            hosts, first, count, beat,
        };
        command.SetAction(async (line, cancellation) =>
        {
            using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            using var signals = new StopSignals(stopping);
            using var cluster = new ClusterConnections(HostsFile.Load(line.GetValue(hosts)!), TimeProvider.System);
            using var crowd = new Crowd(
                cluster, TimeSpan.FromSeconds(line.GetValue(beat)), TimeProvider.System);
            try
            {
                await crowd.AttendAsync(line.GetValue(first), line.GetValue(count), stopping.Token);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                // Stopped from outside.
            }
            return 0;
        });
        return command;
    }

    private sealed class Member(string name)
    {
        public string Name => name;

        /// <summary>The last announced round.</summary>
        public int Round { get; set; }
    }

    private sealed class Crowd(ClusterConnections cluster, TimeSpan beat, TimeProvider time) : IDisposable
    {
        private static readonly TimeSpan _retryAfter = TimeSpan.FromSeconds(1);
        private static readonly TimeSpan _joinTimeout = TimeSpan.FromSeconds(60);

        /// <summary>Limits concurrent joins and stream openings: a crowd that arrives at once is not the steady state.
        /// </summary>
        private readonly SemaphoreSlim _door = new(32);

        /// <summary>One task prints all events, so that no stream waits for the terminal.</summary>
        private readonly Channel<string> _events = Channel.CreateBounded<string>(100_000);

        private readonly ulong _incarnation =
            BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))) | 1;

        private volatile NodeConnection? _leader;

        public async Task AttendAsync(int first, int count, CancellationToken token)
        {
            var printing = PrintAsync(token);
            await Task.WhenAll(Enumerable.Range(first, count).Select(id => LiveAsync($"a{id:D5}", token)));
            await printing;
        }

        public void Dispose() => _door.Dispose();

        private async Task PrintAsync(CancellationToken token)
        {
            await using var output = new StreamWriter(Console.OpenStandardOutput());
            while (await _events.Reader.WaitToReadAsync(token))
            {
                while (_events.Reader.TryRead(out string? line)) await output.WriteLineAsync(line);
                await output.FlushAsync(token);
            }
        }

        private async Task LiveAsync(string name, CancellationToken token)
        {
            var trainer = new Member(name);
            while (true)
            {
                try
                {
                    if (await FindLeaderAsync(token) is { } leader) await AttendAsync(leader, trainer, token);
                }
                catch (Exception e) when (e is RpcException or IOException
                    || (e is OperationCanceledException && !token.IsCancellationRequested))
                {
                    _events.Writer.TryWrite("broken");
                    _leader = null;
                }
                await Task.Delay(_retryAfter, time, token);
            }
        }

        /// <summary>All members use the same leader until a stream breaks.</summary>
        private async Task<NodeConnection?> FindLeaderAsync(CancellationToken token)
        {
            await _door.WaitAsync(token);
            try
            {
                return _leader ??= await cluster.FindLeaderAsync(token);
            }
            finally
            {
                _door.Release();
            }
        }

        private async Task AttendAsync(NodeConnection leader, Member trainer, CancellationToken token)
        {
            using var ends = CancellationTokenSource.CreateLinkedTokenSource(token);
            using var call = leader.Federation.Attend(cancellationToken: ends.Token);
            var beats = BeatAsync(call.RequestStream, trainer.Name, ends.Token);
            bool member = false;
            try
            {
                while (await call.ResponseStream.MoveNext(token))
                {
                    long now = time.GetTimestamp();
                    if (call.ResponseStream.Current.Runs is not [var announced, ..]) continue;
                    if (announced.Phase == RunPhase.Training && announced.Round > trainer.Round)
                        _events.Writer.TryWrite($"received {trainer.Round = announced.Round} {now}");
                    if (member && !announced.Member) _events.Writer.TryWrite("lost");
                    member = announced.Member;
                    if (!member && !announced.Phase.HasEnded())
                        await JoinAsync(leader, announced.Run, trainer.Name, token);
                }
            }
            finally
            {
                await ends.CancelAsync();
                await beats;
            }
        }

        private async Task JoinAsync(NodeConnection leader, string run, string trainer, CancellationToken token)
        {
            await _door.WaitAsync(token);
            try
            {
                await leader.Federation.JoinAsync(
                    new JoinRequest { Run = run, Trainer = trainer, Incarnation = _incarnation, Examples = 1 },
                    deadline: time.GetUtcNow().UtcDateTime + _joinTimeout, cancellationToken: token);
            }
            finally
            {
                _door.Release();
            }
        }

        private async Task BeatAsync(IClientStreamWriter<Heartbeat> stream, string trainer, CancellationToken token)
        {
            var heartbeat = new Heartbeat { Trainer = trainer, Incarnation = _incarnation };
            using var tick = new PeriodicTimer(beat, time);
            try
            {
                do await stream.WriteAsync(heartbeat, token);
                while (await tick.WaitForNextTickAsync(token));
            }
            catch (Exception e) when (
                e is RpcException or OperationCanceledException or InvalidOperationException or IOException)
            {
                // The stream has ended; its reader reports why.
            }
        }
    }
}
