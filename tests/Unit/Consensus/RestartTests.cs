using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Consensus.DotNext;
using Quorate.Rounds;
using Quorate.Shared.Hosts;

namespace Quorate.Unit.Consensus;

/// <summary>Restarts with a damaged disk. One node is its own majority, so one is enough.</summary>
public sealed class RestartTests : IDisposable
{
    private readonly TemporaryDirectory _root = new();
    private readonly ConsensusOptions _options;

    public RestartTests()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        var own = new Member(0, HostPort.Parse($"{probe.LocalEndpoint}"));
        _options = new ConsensusOptions { Node = 0, Members = [own], Directory = _root.Path, SnapshotEvery = 100 };
    }

    private string Snapshots => Path.Combine(_root.Path, "snapshots");

    private static CancellationToken Patience =>
        new CancellationTokenSource(TimeSpan.FromSeconds(60), TimeProvider.System).Token;

    [Fact]
    public async Task A_damaged_snapshot_whose_entries_are_still_in_the_log_costs_nothing()
    {
        var before = await RunAsync(commands: 60, snapshotEvery: 20);
        // One or two: the library deletes an older one in the background and may be stopped before.
        string[] snapshots = Directory.GetFiles(Snapshots, "*-*");
        Assert.NotEmpty(snapshots);
        foreach (string snapshot in snapshots) Damage(snapshot);

        var after = await RunAsync(commands: 0);
        Assert.Equal(StateCodec.Encode(before), StateCodec.Encode(after));
    }

    [Fact]
    public async Task A_damaged_snapshot_whose_entries_are_compacted_stops_the_start()
    {
        await RunAsync(commands: 1000);
        foreach (string file in Directory.GetFiles(Snapshots, "*-*")) Damage(file);

        var refusal = await Assert.ThrowsAsync<LogDamagedException>(() => RunAsync(commands: 0));
        Assert.Contains("--rejoin", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_flipped_bit_in_the_log_stops_the_start()
    {
        await RunAsync(commands: 20);
        string data = Path.Combine(_root.Path, "wal", "data", "0");
        using (var file = File.Open(data, FileMode.Open))
        {
            file.Position = 200;
            int value = file.ReadByte();
            file.Position = 200;
            file.WriteByte((byte)(value ^ 1));
        }
        await Assert.ThrowsAsync<LogDamagedException>(() => RunAsync(commands: 0));
    }

    /// <summary>The first start ended with exit code 4, every later one with a crash.</summary>
    [Fact]
    public async Task An_entry_that_cannot_be_applied_is_named_at_every_start()
    {
        await RunAsync(commands: 2);
        await OtherBuild.AppendAsync(_root.Path, new byte[100]);
        for (int start = 0; start < 2; start++)
        {
            var refusal = await Assert.ThrowsAsync<LogDamagedException>(() => RunAsync(commands: 0));
            Assert.Contains("cannot apply an entry of its log", refusal.Message, StringComparison.Ordinal);
            Assert.Equal(Coordinator.ExitCode.Broken, Coordinator.ExitCode.Of(refusal));
        }
    }

    public void Dispose() => _root.Dispose();

    private static void Damage(string file)
    {
        byte[] bytes = File.ReadAllBytes(file);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(file, bytes);
    }

    private async Task<ClusterState> RunAsync(int commands, int snapshotEvery = 100)
    {
        var token = Patience;
        await using var log = await ReplicatedLog.StartAsync(
            _options with { SnapshotEvery = snapshotEvery }, NullLoggerFactory.Instance, TimeProvider.System,
            _ => { }, token);
        for (var seen = log.Leadership; !seen.IsLeader;) seen = await log.LeadershipChangedAsync(seen, token);
        if (commands > 0) await log.ProposeAsync(Commands.Open(), token);
        for (int i = 1; i < commands; i++) await log.ProposeAsync(Commands.Join(i), token);
        return log.State;
    }
}
