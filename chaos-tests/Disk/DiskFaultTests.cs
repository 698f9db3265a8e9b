using Quorate.Shared.Transfer;

namespace Quorate.ChaosTests.Disk;

/// <summary>
/// The disk of one node fails. The node repairs the damage, or refuses to start with a sentence and an exit code and
/// returns with --rejoin and an empty directory. The cluster continues all the time and never serves a wrong byte.
/// QUORATE_CHAOS_DISK_TRIES (1 in CI) sets how often each fault happens.
/// </summary>
public sealed class DiskFaultTests(ITestOutputHelper output)
{
    private const int Broken = 4, RejoinRequired = 5;

    private readonly Draws _draws = new(Draws.Mix((ulong)Settings.Number("SEED", 1), 5));
    private int _repaired, _refused;

    [Fact]
    public async Task A_node_whose_files_are_damaged_repairs_them_or_refuses_and_rejoins() => await EachAsync(
        DiskFault.All.Select(fault => (fault.Name, new Func<ChaosCluster, int, Task<string?>>(async (cluster, node) =>
        {
            await cluster.KillAsync(node);
            return fault.Strike(cluster.DirectoryOf(node), _draws);
        }))));

    [Fact]
    public async Task A_node_whose_checkpoint_went_back_in_time_catches_up() => await EachAsync([("an old checkpoint",
        async (cluster, node) =>
        {
            string checkpoint = Path.Combine(cluster.DirectoryOf(node), "wal", "checkpoint");
            byte[] old = await ReadSharedAsync(checkpoint);
            int round = (await cluster.WhenAsync(_ => true, "the round")).Round;
            await cluster.WhenAsync(r => r.Round >= round + 2 || r.Phase.HasEnded(), "two more rounds");
            await cluster.KillAsync(node);
            await File.WriteAllBytesAsync(checkpoint, old);
            return checkpoint;
        })]);

    [Fact]
    public async Task A_node_that_lost_its_directory_refuses_and_rejoins() => await EachAsync([("a wiped directory",
        async (cluster, node) =>
        {
            await cluster.KillAsync(node);
            Directory.Delete(cluster.DirectoryOf(node), recursive: true);
            return "all of it";
        })]);

    /// <summary>Applies each fault as often as configured, in one cluster after another.</summary>
    private async Task EachAsync(
        IEnumerable<(string Name, Func<ChaosCluster, int, Task<string?>> Strike)> faults)
    {
        int tries = Settings.Number("DISK_TRIES", 1);
        var left = new Queue<(string Name, Func<ChaosCluster, int, Task<string?>> Strike)>(
            Enumerable.Range(0, tries).SelectMany(_ => faults));
        var run = new ChaosRun { Rounds = 60 };
        string undisturbed = await Undisturbed.FinalModelAsync(run);
        while (left.Count > 0)
        {
            await using var cluster = await ChaosCluster.StartAsync(
                run, TimeSpan.FromMilliseconds(100), "--snapshot-every", "10", "--verify");
            await cluster.WhenAsync(r => r.Round >= 5, "files to damage");
            while (left.TryPeek(out var fault)
                && (await cluster.WhenAsync(_ => true, "the round")).Phase < RunPhase.Scoring)
                if (await ApplyAsync(cluster, fault.Name, fault.Strike)) left.Dequeue();
            var outcome = await Outcome.OfAsync(cluster, undisturbed);
            output.WriteLine($"{_repaired} repaired, {_refused} refused and rejoined; {outcome.Summary}");
            Assert.True(outcome.Holds, $"{outcome}");
            cluster.Passed();
        }
    }

    /// <summary>Returns false if there was no file to damage.</summary>
    private async Task<bool> ApplyAsync(
        ChaosCluster cluster, string name, Func<ChaosCluster, int, Task<string?>> strike)
    {
        int node = _draws.Below(ChaosCluster.Nodes);
        string? struck = await strike(cluster, node);
        cluster.Start(node);
        if (struck is not null && await ExitAsync(cluster, node) is { } code)
        {
            string last = File.ReadLines(cluster.DirectoryOf(node) + ".log").Last(line => line.Length > 0);
            output.WriteLine($"{name} ({struck}): refused with {code}: {last}");
            Assert.True(code is Broken or RejoinRequired, $"{name} ({struck}): exit code {code}; see {cluster.Root}.");
            Assert.Contains("--rejoin", last, StringComparison.Ordinal);
            _refused++;
            if (Directory.Exists(cluster.DirectoryOf(node)))
                Directory.Move(cluster.DirectoryOf(node), cluster.DirectoryOf(node) + $"-aside-{_refused}");
            cluster.Start(node, null, "--rejoin");
            Assert.Null(await ExitAsync(cluster, node));
        }
        else if (struck is not null) _repaired++;
        await WholeAsync(cluster, node);
        return struck is not null;
    }

    /// <summary>
    /// Waits until the node holds every blob that the state names, as it should with --verify. A second disk that fails
    /// before that would be two failed disks. (Three that failed within ten seconds destroyed all copies of an update,
    /// seed 33.)
    /// </summary>
    private static async Task WholeAsync(ChaosCluster cluster, int node)
    {
        var run = await cluster.WhenAsync(_ => true, "the trail");
        var blobs = run.Trail.SelectMany(model => model.Updates.Select(u => u.Blob).Append(model.Blob)).ToList();
        using var channel = Channels.Create(cluster.Connections.Nodes[node].Address);
        var client = new TransferClient(channel.CreateCallInvoker());
        await cluster.UntilAsync(
            async token =>
            {
                foreach (var blob in blobs)
                {
                    var hash = Quorate.Rounds.BlobHash.FromBytes(blob.Span);
                    if (!(await BlobProbe.ReadAsync(client, hash, token)).Sent) return null;
                }
                return blobs;
            },
            $"node {node} whole again");
    }

    /// <summary>
    /// Null once the node answers and has caught up with the other nodes; its exit code if it ends.
    /// </summary>
    private static async Task<int?> ExitAsync(ChaosCluster cluster, int node)
    {
        using var bound = new CancellationTokenSource(ChaosCluster.Patience);
        var before = await cluster.StatusAsync(bound.Token);
        long index = before.Max(reply => reply?.Index ?? 0);
        while (cluster[node].OwnExit is null)
        {
            bound.Token.ThrowIfCancellationRequested();
            var replies = await cluster.StatusAsync(bound.Token);
            if (replies.FirstOrDefault(r => r?.Node == node) is { Quorum: true } own && own.Index >= index) return null;
            await ChaosCluster.PauseAsync(TimeSpan.FromMilliseconds(20));
        }
        return cluster[node].OwnExit;
    }

    private static async Task<byte[]> ReadSharedAsync(string path)
    {
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        byte[] bytes = new byte[file.Length];
        await file.ReadExactlyAsync(bytes);
        return bytes;
    }
}
