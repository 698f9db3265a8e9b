using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Consensus.DotNext;
using Quorate.Unit.Consensus;

namespace Quorate.Unit.Cluster;

/// <summary>A node whose data directory another build wrote stops at its start, and says what to do.</summary>
public sealed class OtherBuildTests
{
    public static TheoryData<bool> Kinds => OtherBuild.Kinds;

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_log_entry_of_another_build_stops_the_node_with_its_sentence_and_exit_code(bool earlier)
    {
        await using var cluster = await StoppedAsync();
        byte[] entry = LogPayload.Wrap(Guid.NewGuid(), OtherBuild.Command(earlier));
        await OtherBuild.AppendAsync(cluster.Options(0).DataDirectory, entry);

        for (int start = 0; start < 2; start++) OtherBuild.Explains(await RefusedAsync(cluster), earlier);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_snapshot_of_another_build_stops_the_node_with_its_sentence_and_exit_code(bool earlier)
    {
        await using var cluster = await StoppedAsync();
        string snapshot = Path.Combine(cluster.Options(0).DataDirectory, "snapshots", "2-1");
        await File.WriteAllBytesAsync(snapshot, SnapshotBytes.Of(OtherBuild.State(earlier)));

        for (int start = 0; start < 2; start++) OtherBuild.Explains(await RefusedAsync(cluster), earlier);
        Assert.True(File.Exists(snapshot));
    }

    /// <summary>A cluster of one node, which has voted and was stopped.</summary>
    private static async Task<TestCluster> StoppedAsync()
    {
        var cluster = await TestCluster.StartAsync(nodes: 1);
        await cluster.StopAsync(0);
        return cluster;
    }

    private static Task<LogDamagedException> RefusedAsync(TestCluster cluster) =>
        Assert.ThrowsAsync<LogDamagedException>(() => cluster.RunOnceAsync(0, rejoin: false));
}
