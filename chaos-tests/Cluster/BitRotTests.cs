namespace Quorate.ChaosTests.Cluster;

/// <summary>A disk changes bits silently. Blobs are hashed again before they are served.</summary>
public sealed class BitRotTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Damaged_blobs_on_a_follower_are_never_served_and_are_restored_from_a_peer()
    {
        var run = new ChaosRun();
        string undisturbed = await Undisturbed.FinalModelAsync(run);
        await using var cluster = await ChaosCluster.StartAsync(run, TimeSpan.FromMilliseconds(150));
        await cluster.WhenAsync(r => r.Phase == RunPhase.Training && r.Round >= 4, "round 4");
        int rotten = (await cluster.LeaderAsync() + 1) % ChaosCluster.Nodes;
        await cluster.KillAsync(rotten);
        var blobs = Directory.GetFiles(Path.Combine(cluster.DirectoryOf(rotten), "blobs"), "*",
            SearchOption.AllDirectories);
        Assert.NotEmpty(blobs);
        var draws = new Draws(4);
        foreach (string blob in blobs) Flip(blob, draws);

        cluster.Start(rotten);

        int refusals = 0;
        foreach (string name in blobs.Select(path => Path.GetFileName(path)))
            await cluster.UntilAsync(
                async _ =>
                {
                    string? given = await cluster.DownloadAsync(rotten, name);
                    Assert.True(given is null || given == name, $"Blob {name} was served with other bytes: {given}.");
                    if (given is null) refusals++;
                    return given;
                },
                "a damaged blob restored from a peer");
        string[] quarantined = Directory.GetFiles(Path.Combine(cluster.DirectoryOf(rotten), "quarantine"));
        Assert.NotEmpty(quarantined);
        output.WriteLine($"{blobs.Length} blobs damaged, {refusals} downloads refused: "
            + await cluster.AssertIntactAsync(undisturbed));
    }

    private static void Flip(string path, Draws draws)
    {
        using var file = File.Open(path, FileMode.Open, FileAccess.ReadWrite);
        file.Position = draws.Below((int)file.Length);
        int was = file.ReadByte();
        file.Position--;
        file.WriteByte((byte)(was ^ (1 << draws.Below(8))));
    }
}
