using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Quorate.Coordinator.Peering;
using Quorate.Coordinator.Settings;
using Quorate.Coordinator;
using Quorate.Rounds;
using Quorate.Shared.Hosts;

namespace Quorate.Unit.Consensus;

/// <summary>Members are known by name; the names move to other addresses.</summary>
public sealed class NameTests : IAsyncDisposable
{
    private readonly NamedCluster _cluster = new();

    private static CancellationToken Patience =>
        new CancellationTokenSource(TimeSpan.FromSeconds(60), TimeProvider.System).Token;

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    [Fact]
    public async Task When_all_restart_with_new_addresses_they_elect_a_leader_and_keep_their_state()
    {
        var token = Patience;
        for (int node = 0; node < 3; node++) _cluster.Move(node, $"127.0.1.{node + 1}");
        for (int node = 0; node < 3; node++) await _cluster.StartAsync(node, token);
        Assert.Equal(Verdict.Accepted, (await _cluster.ProposeAsync(Commands.Open(), token)).Verdict);

        for (int node = 0; node < 3; node++) await _cluster.StopAsync(node);
        for (int node = 0; node < 3; node++) _cluster.Move(node, $"127.0.2.{node + 1}");
        for (int node = 0; node < 3; node++) await _cluster.StartAsync(node, token);

        Assert.Equal(Verdict.Duplicate, (await _cluster.ProposeAsync(Commands.Open(), token)).Verdict);
    }

    /// <summary>shared/cases: it said "no quorum, term 0" forever.</summary>
    [Fact]
    public async Task A_node_that_returns_with_a_new_address_is_found_again()
    {
        var token = Patience;
        for (int node = 0; node < 3; node++) _cluster.Move(node, $"127.0.3.{node + 1}");
        for (int node = 0; node < 3; node++) await _cluster.StartAsync(node, token);
        await _cluster.ProposeAsync(Commands.Open(), token);

        await _cluster.StopAsync(2);
        _cluster.Move(2, "127.0.3.22", "::1");
        await _cluster.StartAsync(2, token);
        await _cluster.StopAsync(1);

        Assert.Equal(Verdict.Duplicate, (await _cluster.ProposeAsync(Commands.Open(), token)).Verdict);
    }

    [Fact]
    public async Task A_member_without_an_address_does_not_stop_the_others_and_is_reported_once()
    {
        var token = Patience;
        _cluster.Move(0, "127.0.4.1");
        _cluster.Move(1, "127.0.4.2");
        await _cluster.StartAsync(0, token);
        await _cluster.StartAsync(1, token);
        Assert.Equal(Verdict.Accepted, (await _cluster.ProposeAsync(Commands.Open(), token)).Verdict);
        Assert.Single(_cluster.Lines(0), line => line.Contains("'fed2' has no address", StringComparison.Ordinal));

        _cluster.Move(2, "127.0.4.3");
        await _cluster.StartAsync(2, token);
        await _cluster[2].ChangedAsync(0, token);
    }

    [Fact]
    public async Task A_node_waits_for_its_own_name_and_then_says_what_is_wrong()
    {
        var time = new FakeTimeProvider();
        int asked = 0;
        var names = new HostNames(
            _ =>
            {
                asked++;
                throw new SocketException((int)SocketError.HostNotFound);
            },
            time);
        var resolving = OwnAddress.ResolveAsync(
            names, 2, HostPort.Parse("fed2:7100"), NullLoggerFactory.Instance, time, Patience);
        while (!resolving.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }
        var refusal = await Assert.ThrowsAsync<SettingsException>(() => resolving);
        Assert.Contains("'fed2' had no address for 30 s", refusal.Message, StringComparison.Ordinal);
        Assert.True(asked > 1);
        Assert.Equal(ExitCode.BadSettings, ExitCode.Of(refusal));
    }
}
