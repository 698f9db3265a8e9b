using System.Net.Sockets;
using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Core;

namespace Quorate.ChaosTests.Abuse;

/// <summary>One kind of abuse.</summary>
/// <param name="Name">As <c>--only</c> names it.</param>
/// <param name="Rows">The faults of the first build that it repeats.</param>
/// <param name="Callers">How many run <paramref name="Act"/> again and again at the same time.</param>
/// <param name="Act">Called with the target, its leader and the caller's number.</param>
internal sealed record Attack(
    string Name, string Rows, int Callers, Func<Target, int, int, CancellationToken, Task> Act);

/// <summary>All attacks that need no identity. Each is a loop of what one caller does once.</summary>
internal static class Attacks
{
    private const int Held = 120_000; // Milliseconds: until the other side or the end of the attack ends it.

    public static IReadOnlyList<Attack> All { get; } =
    [
        new("raft-garbage", "1, 13", 64, RaftGarbageAsync),
        new("half-sent-parts", "10", 300, HalfPartAsync),
        new("unread-downloads", "10", 300, UnreadDownloadAsync),
        new("slow-uploads", "11", 120, SlowUploadAsync),
        new("uploads-without-header", "11", 120, NoHeaderAsync),
        new("half-frames", "12", 300, HalfFrameAsync),
        new("connections", "13", 700, ConnectionAsync),
        new("forged-enrolments", "14", 64, ForgedEnrolmentAsync),
        new("unfinished-parts", "15", 16, UnfinishedPartAsync),
        new("linearizable-readers", "17", 1500, ReaderAsync),
        new("one-byte", "18", 350, OneByteAsync),
        new("statuses", "20", 64, StatusAsync),
        new("chain-windows", "20", 64, ChainAsync),
        new("attendance", "20", 300, AttendAsync),
        new("refused-uploads", "20", 16, RefusedUploadAsync),
        new("squatted-hashes", "20", 32, SquatAsync),
    ];

    /// <summary>Runs all callers of one attack until the token ends; the number of acts.</summary>
    public static async Task<long> RunAsync(Attack attack, Target target, CancellationToken token)
    {
        var (leader, _) = await target.LeaderAsync(token);
        long acts = 0;
        await Task.WhenAll(Enumerable.Range(0, attack.Callers).Select(CallAsync));
        return acts;

        async Task CallAsync(int caller)
        {
            await Task.Yield();
            while (!token.IsCancellationRequested)
            {
                bool refused = false;
                try
                {
                    await attack.Act(target, leader, caller, token);
                }
                catch (Exception e) when (e is SocketException or IOException or RpcException
                    or OperationCanceledException or ObjectDisposedException)
                {
                    refused = true; // Refused or cut off, which is what the target should do.
                }
                Interlocked.Increment(ref acts);
                if (refused && !token.IsCancellationRequested)
                    await Target.Pause(20, token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>What one message of 69 bytes did, and noise.</summary>
    private static async Task RaftGarbageAsync(Target target, int leader, int caller, CancellationToken token)
    {
        using var raw = await Raw.OpenAsync(target.Raft[caller % target.Nodes], token);
        byte[] message = RandomNumberGenerator.GetBytes(caller % 2 == 0 ? 69 : 400);
        if (caller % 4 == 1) "QRAFT1\r\n"u8.CopyTo(message);
        message.AsSpan(24, 8).Fill(0x7f);
        await raw.SendAsync(message, token);
        await raw.AnswerAsync(token);
        await Target.Pause(20, token);
    }

    private static async Task HalfPartAsync(Target target, int leader, int caller, CancellationToken token)
    {
        using var raw = await Raw.OpenAsync(target.Grpc[leader], token);
        await raw.PrefaceAsync(token);
        await raw.CallAsync(Raw.PutBlob, Target.Blob(RandomNumberGenerator.GetBytes(300_000)), token);
        await raw.HalfPartAsync(256 << 10, token);
        while ((await raw.AnswerAsync(token)).Length > 0) continue;
    }

    private static async Task UnreadDownloadAsync(Target target, int leader, int caller, CancellationToken token)
    {
        var (_, status) = await target.LeaderAsync(token);
        using var raw = await Raw.OpenAsync(target.Grpc[leader], token);
        await raw.PrefaceAsync(token);
        for (int call = 0; call < 50; call++)
            await raw.CallAsync(Raw.Download, new DownloadRequest { Blob = status.Run.Trail[^1].Blob }, token);
        await Target.Pause(Held, token);
    }

    /// <summary>A member of the run that sends its update a byte at a time.</summary>
    private static async Task SlowUploadAsync(Target target, int leader, int caller, CancellationToken token)
    {
        var (_, status) = await target.LeaderAsync(token);
        using var raw = await Raw.OpenAsync(target.Grpc[leader], token);
        await raw.PrefaceAsync(token);
        await raw.CallAsync(Raw.Upload, Target.Update(status.Run, 200_000), token);
        var answered = raw.AnswerAsync(token);
        for (long at = 0; !answered.IsCompleted; at++)
        {
            await raw.PartAsync([1], at, token);
            await Task.WhenAny(answered, Target.Pause(2000, token));
        }
        await Target.Pause(20, token);
    }

    private static async Task NoHeaderAsync(Target target, int leader, int caller, CancellationToken token)
    {
        using var call = target.Transfer(leader).Upload(token);
        await call.ResponseAsync;
    }

    private static async Task HalfFrameAsync(Target target, int leader, int caller, CancellationToken token)
    {
        using var raw = await Raw.OpenAsync(target.Grpc[leader], token);
        await raw.PrefaceAsync(token);
        await raw.SendAsync([1, 0, 0, 0, 99], token);
        while ((await raw.AnswerAsync(token)).Length > 0) continue;
    }

    /// <summary>More connections than a node may take, all of which have said something.</summary>
    private static async Task ConnectionAsync(Target target, int leader, int caller, CancellationToken token)
    {
        using var raw = await Raw.OpenAsync(target.Grpc[(leader + 1) % target.Nodes], token);
        await raw.SendAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray(), token);
        while ((await raw.AnswerAsync(token)).Length > 0) continue;
    }

    private static async Task ForgedEnrolmentAsync(Target target, int leader, int caller, CancellationToken token)
    {
        int to = caller % target.Nodes;
        await target.Peers(to).Hello(
            new HelloRequest
            {
                Node = (to + 1 + (caller & 1)) % target.Nodes, Enrol = true, Rejoin = true,
                Identity = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8)) | 1,
                Members = { target.Members },
            }, token);
    }

    private static async Task UnfinishedPartAsync(Target target, int leader, int caller, CancellationToken token)
    {
        using var raw = await Raw.OpenAsync(target.Grpc[caller % target.Nodes], token);
        await raw.PrefaceAsync(token);
        await raw.CallAsync(Raw.PutBlob, Target.Blob(RandomNumberGenerator.GetBytes(1000)), token);
        await raw.PartAsync([1], 0, token);
    }

    private static async Task ReaderAsync(Target target, int leader, int caller, CancellationToken token) =>
        await target.Federation(leader).StatusAsync(
            new StatusRequest { Linearizable = true, Trail = 1 }, cancellationToken: token);

    private static async Task OneByteAsync(Target target, int leader, int caller, CancellationToken token)
    {
        using var raw = await Raw.OpenAsync(target.Grpc[leader], token);
        await raw.SendAsync("Q"u8.ToArray(), token);
        while ((await raw.AnswerAsync(token)).Length > 0) continue;
    }

    private static async Task StatusAsync(Target target, int leader, int caller, CancellationToken token) =>
        await target.Federation(caller % target.Nodes).StatusAsync(new StatusRequest(), cancellationToken: token);

    private static async Task ChainAsync(Target target, int leader, int caller, CancellationToken token) =>
        await target.Peers(caller % target.Nodes).Hello(new HelloRequest { Node = -1, ChainFrom = 1 }, token);

    /// <summary>A stranger that attends and sends heartbeats as fast as it is read.</summary>
    private static async Task AttendAsync(Target target, int leader, int caller, CancellationToken token)
    {
        using var call = target.Federation(leader).Attend(cancellationToken: token);
        var reading = ReadAsync();
        for (ulong beat = 0; !reading.IsCompleted; beat++)
            await call.RequestStream.WriteAsync(
                new Heartbeat { Trainer = $"stranger-{caller}", Incarnation = 1, Fault = new string('x', 500) }, token);
        await reading;

        async Task ReadAsync()
        {
            while (await call.ResponseStream.MoveNext(token)) continue;
        }
    }

    /// <summary>Bytes that are not the blob that they claim to be; each is an error in the node's log.</summary>
    private static async Task RefusedUploadAsync(Target target, int leader, int caller, CancellationToken token)
    {
        using var raw = await Raw.OpenAsync(target.Grpc[caller % target.Nodes], token);
        await raw.PrefaceAsync(token);
        var header = Target.Blob(RandomNumberGenerator.GetBytes(1000));
        await raw.CallAsync(Raw.PutBlob, header, token);
        await raw.PartAsync(new byte[1000], 0, token);
        await raw.EndAsync(token);
        await raw.AnswerAsync(token);
    }

    /// <summary>Holds the names of blobs that the cluster has or will have, with a byte now and then.</summary>
    private static async Task SquatAsync(Target target, int leader, int caller, CancellationToken token)
    {
        var (_, status) = await target.LeaderAsync(token);
        using var raw = await Raw.OpenAsync(target.Grpc[caller % target.Nodes], token);
        await raw.PrefaceAsync(token);
        var header = new UploadHeader { Blob = status.Run.Trail[^1].Blob, Length = 100_000 };
        if (caller % 2 == 0) header.Blob = ByteString.CopyFrom(SHA256.HashData([(byte)(caller / 2)]));
        await raw.CallAsync(Raw.PutBlob, header, token);
        await raw.PartAsync([1], 0, token);
        await raw.AnswerAsync(token);
    }
}
