using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Time.Testing;
using Quorate.Shared.Hosts;

namespace Quorate.Unit.Hosts;

public sealed class HostNamesTests
{
    private readonly FakeTimeProvider _time = new();

    private static CancellationToken Patience =>
        new CancellationTokenSource(TimeSpan.FromSeconds(60), TimeProvider.System).Token;

    [Fact]
    public async Task A_name_is_looked_up_again_and_a_new_address_is_found()
    {
        var address = IPAddress.Parse("127.0.1.1");
        var names = new HostNames(_ => [address], _time);
        Assert.Equal([address], await names.ResolveAsync("fed0", Patience));
        address = IPAddress.Parse("127.0.2.1");
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal([address], await names.ResolveAsync("fed0", Patience));
    }

    /// <summary>A leader dials a dead member many times a second.</summary>
    [Fact]
    public async Task An_answer_is_used_again_for_a_moment()
    {
        int asked = 0;
        var names = new HostNames(_ => [new IPAddress(++asked)], _time);
        for (int i = 0; i < 10; i++) await names.ResolveAsync("fed0", Patience);
        Assert.Equal(1, asked);
    }

    [Fact]
    public async Task A_look_up_that_hangs_is_bounded_by_the_token_and_holds_one_thread()
    {
        using var hang = new ManualResetEventSlim();
        int asked = 0;
        var names = new HostNames(
            _ =>
            {
                Interlocked.Increment(ref asked);
                hang.Wait();
                return [IPAddress.Loopback];
            },
            _time);
        for (int i = 0; i < 10; i++)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(
                () => names.ResolveAsync("fed0", new CancellationToken(canceled: true)));
        var answer = names.ResolveAsync("fed0", Patience);
        hang.Set();
        Assert.Equal([IPAddress.Loopback], await answer);
        Assert.Equal(1, asked);
    }

    [Fact]
    public async Task An_address_is_not_looked_up()
    {
        var names = new HostNames(_ => throw new InvalidOperationException(), _time);
        Assert.Equal([IPAddress.IPv6Loopback], await names.ResolveAsync("::1", Patience));
    }

    [Fact]
    public async Task A_name_without_an_address_is_a_socket_error()
    {
        var names = new HostNames(_ => [], _time);
        await Assert.ThrowsAsync<SocketException>(() => names.ResolveAsync("fed0", Patience));
    }

    [Fact]
    public async Task All_addresses_of_a_name_are_tried_IPv6_included()
    {
        using var listener = new TcpListener(IPAddress.IPv6Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        var names = new HostNames(_ => [IPAddress.Parse("127.0.9.9"), IPAddress.IPv6Loopback], _time);
        using var socket = await names.ConnectAsync("fed0", port, Patience);
        Assert.Equal(AddressFamily.InterNetworkV6, socket.AddressFamily);
    }

    [Fact]
    public async Task A_server_listens_on_its_names_IPv4_address_if_there_is_one()
    {
        var names = new HostNames(_ => [IPAddress.IPv6Loopback, IPAddress.Loopback], _time);
        var listen = await names.ListenAtAsync(HostPort.Parse("fed0:7100"), Patience);
        Assert.Equal(new IPEndPoint(IPAddress.Loopback, 7100), listen);
    }
}
