using System.Diagnostics;
using System.Security.Cryptography;

namespace Quorate.ChaosTests.Abuse;

/// <summary>
/// Fills the disk of a cluster, a tmpfs of 320 MiB, with blobs that nobody needs (row 4). Uploads must be refused while
/// every node still runs, and the space must be free again after the collector's grace period.
/// </summary>
internal static class FullDisk
{
    public const long DiskBytes = 320L << 20;

    private const int BlobBytes = 4 << 20;

    private static readonly TimeSpan _fillMax = TimeSpan.FromSeconds(60), _freeMax = TimeSpan.FromSeconds(60);

    /// <summary>The bars of this part; null: this user may not mount a disk.</summary>
    public static async Task<IReadOnlyList<Bar>?> RunAsync(CancellationToken token)
    {
        string place = Directory.CreateTempSubdirectory("quorate-abuse-disk-").FullName;
        if (!Mount("-t", "tmpfs", "-o", $"size={DiskBytes}", "quorate-abuse", place)) return null;
        string? temporary = Environment.GetEnvironmentVariable("TMPDIR");
        try
        {
            Environment.SetEnvironmentVariable("TMPDIR", place);
            return await OnAsync(place, token);
        }
        finally
        {
            Environment.SetEnvironmentVariable("TMPDIR", temporary);
            using var unmounted = Process.Start("umount", ["--lazy", place]);
            await unmounted.WaitForExitAsync(CancellationToken.None);
            Directory.Delete(place);
        }
    }

    private static async Task<IReadOnlyList<Bar>> OnAsync(string place, CancellationToken token)
    {
        await using var cluster = await Campaign.StartAsync("disk", token);
        using var target = new Target(cluster.Hosts);
        var campaign = new Campaign(cluster, TimeSpan.Zero);
        long free = Free(place);
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(token);
        bound.CancelAfter(_fillMax);
        long[] refused = await Task.WhenAll(
            Enumerable.Range(0, target.Nodes).Select(node => FillAsync(target, node, bound.Token)));
        long least = Free(place);
        int exits = campaign.Exits();
        long started = TimeProvider.System.GetTimestamp();
        while (Free(place) < free - (64 << 20) && TimeProvider.System.GetElapsedTime(started) < _freeMax)
            await Target.Pause(500, token);
        double missing = (free - Free(place)) / (double)(1 << 20);
        int round = (await cluster.WhenAsync(_ => true, "the run", token: token)).Round;
        await cluster.WhenAsync(run => run.Round > round, "a round after the disk has room again", token: token);
        cluster.Passed();
        return
        [
            new Bar("uploads refused before a node stops", "4", refused.Count(count => count > 0), ">= ", target.Nodes,
                $"nodes that refused; {least >> 20} MiB were left, {exits} nodes stopped") { Also = exits == 0 },
            new Bar("disk space back after the grace", "4", missing, "<= ", 64, "MiB missing of what was free"),
        ];
    }

    /// <summary>Puts blobs until the node refuses a few in a row; how many it refused.</summary>
    private static async Task<long> FillAsync(Target target, int node, CancellationToken token)
    {
        long refused = 0;
        for (int inARow = 0; inARow < 5 && !token.IsCancellationRequested;)
        {
            try
            {
                using var raw = await Raw.OpenAsync(target.Grpc[node], token);
                await raw.PrefaceAsync(token);
                byte[] content = RandomNumberGenerator.GetBytes(BlobBytes);
                await raw.CallAsync(Raw.PutBlob, Target.Blob(content), token);
                for (int at = 0; at < content.Length; at += 128 << 10)
                    await raw.PartAsync(content[at..(at + (128 << 10))], at, token);
                await raw.EndAsync(token);
                byte[] answer = await raw.AnswerAsync(token);
                inARow = 0;
                if (answer is not [Fault, ..]) continue;
            }
            catch (Exception e) when (e is System.Net.Sockets.SocketException or OperationCanceledException)
            {
                // Refused in the middle: the node answered and closed the connection.
            }
            (refused, inARow) = (refused + 1, inARow + 1);
        }
        return refused;
    }

    private const byte Fault = 5;

    private static long Free(string place) => new DriveInfo(place).AvailableFreeSpace;

    private static bool Mount(params string[] arguments)
    {
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess) return false;
        using var mounted = Process.Start(
            new ProcessStartInfo("mount", arguments) { RedirectStandardError = true })!;
        mounted.WaitForExit();
        return mounted.ExitCode == 0;
    }
}
