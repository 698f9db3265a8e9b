using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Quorate.Benchmarks;

/// <summary>
/// What this machine can do at this moment; results are compared with it.
/// </summary>
internal sealed record Floors(
    double LoopbackMBps, double RoundTripUs, double CopyMBps, double Sha256MBps, double WriteMBps, double FsyncMs,
    double DurableFileMs)
{
    private const int Bytes = 32 << 20;
    private const int Repeats = 5;

    public static async Task<Floors> MeasureAsync(
        string folder, long payload, TimeProvider time, CancellationToken token)
    {
        byte[] from = new byte[Bytes], to = new byte[Bytes];
        RandomNumberGenerator.Fill(from);
        string path = Path.Combine(folder, "floor");
        double copy = Median(() => from.CopyTo(to, 0));
        double sha = Median(() => SHA256.HashData(from));
        double write = Median(() => File.WriteAllBytes(path, from));
        byte[] whole = from.AsSpan(0, (int)Math.Min(Bytes, payload)).ToArray();
        double durable = Median(() => Durably(path, whole, payload));
        double fsync = Median(() => Durably(path, [1], 1));
        File.Delete(path);
        var (loopback, roundTrip) = await LoopbackAsync(from, MedianAsync, token);
        return new Floors(Rate(loopback), roundTrip * 1e3, Rate(copy), Rate(sha), Rate(write), fsync, durable);

        double Median(Action work) => MedianAsync(() =>
        {
            work();
            return Task.CompletedTask;
        }).GetAwaiter().GetResult();

        async Task<double> MedianAsync(Func<Task> work)
        {
            var times = new List<double>();
            for (int i = 0; i < Repeats; i++)
            {
                long started = time.GetTimestamp();
                await work();
                times.Add(time.GetElapsedTime(started).TotalMilliseconds);
            }
            return times.Order().ElementAt(Repeats / 2);
        }
    }

    private static double Rate(double ms) => Bytes / 1e3 / ms;

    /// <summary>Writes <paramref name="length"/> bytes to a new file and calls fsync.</summary>
    private static void Durably(string path, byte[] bytes, long length)
    {
        File.Delete(path);
        using var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write);
        for (long at = 0; at < length; at += bytes.Length)
            RandomAccess.Write(file, bytes.AsSpan(0, (int)Math.Min(bytes.Length, length - at)), at);
        RandomAccess.FlushToDisk(file);
    }

    private static async Task<(double StreamMs, double RoundTripMs)> LoopbackAsync(
        byte[] bytes, Func<Func<Task>, Task<double>> median, CancellationToken token)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var client = new TcpClient { NoDelay = true };
        var accepting = listener.AcceptTcpClientAsync(token);
        await client.ConnectAsync((IPEndPoint)listener.LocalEndpoint, token);
        using var server = await accepting;
        server.NoDelay = true;
        byte[] taken = new byte[256 << 10];
        double stream = await median(async () =>
        {
            var sending = client.GetStream().WriteAsync(bytes, token);
            for (long left = bytes.Length; left > 0;) left -= await server.GetStream().ReadAsync(taken, token);
            await sending;
        });
        const int Trips = 200;
        double trips = await median(async () =>
        {
            for (int i = 0; i < Trips; i++)
            {
                await client.GetStream().WriteAsync(bytes.AsMemory(0, 64), token);
                await server.GetStream().ReadExactlyAsync(taken.AsMemory(0, 64), token);
                await server.GetStream().WriteAsync(taken.AsMemory(0, 64), token);
                await client.GetStream().ReadExactlyAsync(taken.AsMemory(0, 64), token);
            }
        });
        return (stream, trips / Trips);
    }
}
