using System.CommandLine;
using System.Security.Cryptography;
using System.Threading.Channels;
using Grpc.Core;
using Quorate.Shared.Cluster;
using Quorate.Shared.Hosts;
using Quorate.Shared.Processes;
using Quorate.Shared.Protocol;

namespace Quorate.Benchmarks;

/// <summary>
/// <c>attendants</c>: one process of members that attend and never train, all over one connection. Each joins when it
/// hears that it is no member, as real trainers do. Prints a line an event: <c>heard ROUND TICKS</c>, <c>broken</c> (a
/// stream), <c>lost</c> (a membership that it had).
/// </summary>
internal static class AttendantsCommand
{
    public static Command Create()
    {
        var hosts = new Option<string>("--hosts") { Required = true };
        var first = new Option<int>("--first") { Required = true };
        var count = new Option<int>("--count") { Required = true };
        var beat = new Option<int>("--beat-seconds") { Required = true };
        var command = new Command("attendants", "Members that attend only; started by the other commands.")
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
                // Told to stop.
            }
            return 0;
        });
        return command;
    }

    private sealed class Member(string name)
    {
        public string Name => name;

        /// <summary>The last round that it heard of.</summary>
        public int Heard { get; set; }
    }

    private sealed class Crowd(ClusterConnections cluster, TimeSpan beat, TimeProvider time) : IDisposable
    {
        private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);
        private static readonly TimeSpan JoinTimeout = TimeSpan.FromSeconds(60);

        /// <summary>Joins under way, and streams being opened: a crowd that comes at once is no steady state.</summary>
        private readonly SemaphoreSlim _door = new(32);

        /// <summary>Events are printed by one task, so that no stream waits for the terminal.</summary>
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
                await Task.Delay(RetryAfter, time, token);
            }
        }

        /// <summary>One asks for all, until a stream breaks.</summary>
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
                    if (announced.Phase == RunPhase.Training && announced.Round > trainer.Heard)
                        _events.Writer.TryWrite($"heard {trainer.Heard = announced.Round} {now}");
                    if (member && !announced.Member) _events.Writer.TryWrite("lost");
                    member = announced.Member;
                    if (!member && announced.Phase < RunPhase.Finished)
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
                    deadline: time.GetUtcNow().UtcDateTime + JoinTimeout, cancellationToken: token);
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
                // The stream is over; its reader says why.
            }
        }
    }
}
