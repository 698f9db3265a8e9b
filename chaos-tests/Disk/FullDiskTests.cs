using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace Quorate.ChaosTests.Disk;

/// <summary>
/// A node on its own disk, a small tmpfs, which the test fills QUORATE_CHAOS_DISK_TRIES times (1 in CI).
/// </summary>
public sealed class FullDiskTests(ITestOutputHelper output)
{
    private const int Broken = 4;

    /// <summary>Enough for everything the longest run keeps, 90 MB, and the space that a node leaves free.</summary>
    private const long DiskBytes = 256L << 20;

    /// <summary>Limits the number of rounds that a test waits for.</summary>
    private const int TriesPerRun = 4;

    [TmpfsFact]
    public async Task A_node_whose_disk_fills_up_stops_with_a_sentence_and_continues_once_there_is_space()
    {
        int tries = Settings.Number("DISK_TRIES", 1);
        var run = new ChaosRun { Rounds = 30 + Math.Min(tries, TriesPerRun) * 20 };
        string undisturbed = await Undisturbed.FinalModelAsync(run);
        for (; tries > 0; tries -= TriesPerRun)
            await InOneRunAsync(run, Math.Min(tries, TriesPerRun), undisturbed);
    }

    private async Task InOneRunAsync(ChaosRun run, int tries, string undisturbed)
    {
        await using var cluster = await ChaosCluster.StartAsync(run, TimeSpan.FromMilliseconds(100), "--verify");
        await cluster.WhenAsync(r => r.Round >= 3, "round 3");
        int node = await cluster.LeaderAsync(); // The worst case: no other node leads while it lives.
        using var disk = await MoveToAsync(cluster, node);
        for (int i = 0; i < tries; i++)
        {
            string filler = Path.Combine(cluster.DirectoryOf(node), "filler");
            Fill(filler, leave: (i % 3) << 20);
            int code = await ExitAsync(cluster, node);
            string last = File.ReadLines(cluster.DirectoryOf(node) + ".log").Last(line => line.Length > 0);
            Assert.True(code == Broken, $"Exit code {code}, {last}; see {cluster.Root}.");
            Assert.Contains("make room", await File.ReadAllTextAsync(cluster.DirectoryOf(node) + ".log"),
                StringComparison.Ordinal);
            File.Delete(filler);
            cluster.Start(node);
            await cluster.WhenAsync(_ => true, "a leader");
        }
        var outcome = await Outcome.OfAsync(cluster, undisturbed);
        output.WriteLine($"{tries} times full: {outcome.Summary}");
        Assert.True(outcome.Holds, $"{outcome}");
        await cluster.KillAsync(node); // The disk can be unmounted only when it is not in use.
        cluster.Passed();
    }

    private static async Task<int> ExitAsync(ChaosCluster cluster, int node)
    {
        using var bound = new CancellationTokenSource(ChaosCluster.Patience);
        while (cluster[node].OwnExit is null)
        {
            bound.Token.ThrowIfCancellationRequested();
            await ChaosCluster.PauseAsync(TimeSpan.FromMilliseconds(20));
        }
        return cluster[node].OwnExit!.Value;
    }

    private static async Task<Tmpfs> MoveToAsync(ChaosCluster cluster, int node)
    {
        await cluster.KillAsync(node);
        string directory = cluster.DirectoryOf(node), kept = directory + "-kept";
        Directory.Move(directory, kept);
        Directory.CreateDirectory(directory);
        if (!Tmpfs.TryMount(directory, DiskBytes, out var disk))
            throw new InvalidOperationException("This user may not mount a tmpfs.");
        using var copy = Process.Start("cp", ["-a", kept + "/.", directory]);
        await copy.WaitForExitAsync();
        cluster.Start(node);
        return disk;
    }

    private static void Fill(string path, long leave)
    {
        using var file = File.Create(path);
        byte[] block = new byte[64 * 1024];
        long free = new DriveInfo(Path.GetDirectoryName(path)!).AvailableFreeSpace;
        try
        {
            for (; free > leave; free -= block.Length) file.Write(block);
            file.Flush();
        }
        catch (IOException)
        {
            // Full earlier than expected: the node writes, too.
        }
    }
}

/// <summary>A test that mounts its own disk; skipped if this user may not mount.</summary>
internal sealed class TmpfsFactAttribute : FactAttribute
{
    public TmpfsFactAttribute()
    {
        string place = Directory.CreateTempSubdirectory("quorate-tmpfs-").FullName;
        if (Tmpfs.TryMount(place, 1 << 20, out var disk)) disk.Dispose();
        else Skip = "This user may not mount a tmpfs, so no disk can be filled.";
        Directory.Delete(place);
    }
}

/// <summary>A disk in memory, unmounted on disposal.</summary>
internal sealed class Tmpfs : IDisposable
{
    private readonly string _place;

    private Tmpfs(string place) => _place = place;

    public static bool TryMount(string place, long bytes, [NotNullWhen(true)] out Tmpfs? disk)
    {
        bool mounted = OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess
            && Run("mount", "-t", "tmpfs", "-o", $"size={bytes}", "quorate-test", place) == 0;
        disk = mounted ? new Tmpfs(place) : null;
        return mounted;
    }

    public void Dispose() => Run("umount", "--lazy", _place);

    private static int Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardError = true };
        using var process = Process.Start(start)!;
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode;
    }
}
