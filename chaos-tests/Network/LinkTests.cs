using System.Net;
using System.Net.Sockets;
using System.Numerics;
using Quorate.Chaos.Network;

namespace Quorate.ChaosTests.Network;

/// <summary>Each network fault does what it says, tested on real sockets.</summary>
public sealed class LinkTests : IAsyncLifetime, IDisposable
{
    private readonly TcpListener _echo = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _bound = new(ChaosCluster.Patience);
    private Link _link = null!;

    public Task InitializeAsync()
    {
        _echo.Start();
        _link = NewLink();
        _ = Task.Run(EchoAsync);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await _bound.CancelAsync();
        await _link.DisposeAsync();
    }

    public void Dispose()
    {
        _echo.Dispose();
        _bound.Dispose();
    }

    [Fact]
    public async Task In_fair_weather_everything_passes_in_both_directions()
    {
        using var client = await ConnectAsync(_link);
        byte[] sent = Bytes(300_000);
        Assert.Equal(sent, await EchoedAsync(client, sent));
        Assert.Equal((300_000, 300_000), (_link.There.Passed, _link.Back.Passed));
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task Held_bytes_arrive_when_the_lane_clears_and_not_before(bool there, bool back)
    {
        using var client = await ConnectAsync(_link);
        await EchoedAsync(client, [1]);
        if (there) _link.There.Weather = new Weather { Held = true };
        if (back) _link.Back.Weather = new Weather { Held = true };
        await client.SendAsync(new byte[] { 2 }, _bound.Token);
        await OtherLinkEchoesAsync();
        Assert.Equal(there ? 1 : 2, _link.There.Passed);
        Assert.Equal(1, _link.Back.Passed);

        _link.There.Weather = _link.Back.Weather = Weather.Fair;

        Assert.Equal([2], await ReadAsync(client, 1));
    }

    [Fact]
    public async Task While_held_neither_end_learns_that_the_other_has_closed()
    {
        using var client = await ConnectAsync(_link);
        await EchoedAsync(client, [1]);
        _link.There.Weather = _link.Back.Weather = new Weather { Held = true };
        await client.SendAsync("q"u8.ToArray(), _bound.Token); // The echo server closes its end on a q.
        await OtherLinkEchoesAsync();
        Assert.Equal(0, client.Available);
        Assert.False(client.Poll(0, SelectMode.SelectRead), "The end of the connection was seen.");

        _link.There.Weather = _link.Back.Weather = Weather.Fair;

        Assert.Equal(0, await client.ReceiveAsync(new byte[1], _bound.Token));
    }

    [Fact]
    public async Task A_reset_breaks_the_connection_and_the_next_one_works()
    {
        using var client = await ConnectAsync(_link);
        await EchoedAsync(client, [1]);
        Assert.Equal(1, _link.Reset());
        await AssertResetAsync(client);
        using var next = await ConnectAsync(_link);
        Assert.Equal([3], await EchoedAsync(next, [3]));
    }

    [Fact]
    public async Task A_cut_resets_one_connection_after_the_given_number_of_bytes()
    {
        _link.There.Weather = new Weather { CutAfter = 100_000 };
        using var client = await ConnectAsync(_link);
        await client.SendAsync(Bytes(200_000), _bound.Token);
        await AssertResetAsync(client);
        Assert.Equal((100_000, 1), (_link.There.Passed, _link.There.Cuts));
        using var next = await ConnectAsync(_link);
        Assert.Equal(Bytes(200_000), await EchoedAsync(next, Bytes(200_000)));
    }

    [Fact]
    public async Task A_flip_changes_one_bit_of_a_large_chunk_and_none_of_a_small_one()
    {
        _link.There.Weather = new Weather { FlipChance = 1 };
        using var client = await ConnectAsync(_link);
        Assert.Equal(Bytes(100), await EchoedAsync(client, Bytes(100)));
        Assert.Equal(0, _link.There.Flips);
        byte[] sent = Bytes(200_000), got = await EchoedAsync(client, sent);
        int bits = sent.Zip(got).Sum(pair => BitOperations.PopCount((uint)(pair.First ^ pair.Second)));
        Assert.InRange(bits, 1, _link.There.Flips);
        Assert.Equal(_link.There.Flips % 2, bits % 2); // Two flips of the same bit cancel each other.
    }

    [Fact]
    public async Task A_delay_is_not_shorter_than_configured()
    {
        using var client = await ConnectAsync(_link);
        await EchoedAsync(client, [1]);
        _link.There.Weather = new Weather { Delay = TimeSpan.FromMilliseconds(60) };
        long sent = TimeProvider.System.GetTimestamp();
        await EchoedAsync(client, [2]);
        // Timers use a coarser clock and may fire slightly early.
        Assert.True(TimeProvider.System.GetElapsedTime(sent) >= TimeSpan.FromMilliseconds(50));
    }

    [Fact]
    public async Task A_target_that_is_down_causes_a_reset()
    {
        _echo.Stop();
        // The reset may arrive before the client's connect returns.
        var broken = await Assert.ThrowsAsync<SocketException>(async () =>
        {
            using var client = await ConnectAsync(_link);
            await client.ReceiveAsync(new byte[1], _bound.Token);
        });
        Assert.Equal(SocketError.ConnectionReset, broken.SocketErrorCode);
    }

    private Link NewLink() => new(0, (IPEndPoint)_echo.LocalEndpoint, 7, TimeProvider.System);

    /// <summary>A long exchange on another link: whatever could pass on this link has passed after it.</summary>
    private async Task OtherLinkEchoesAsync()
    {
        await using var other = NewLink();
        using var client = await ConnectAsync(other);
        for (int i = 0; i < 50; i++) await EchoedAsync(client, [(byte)i]);
    }

    private async Task<Socket> ConnectAsync(Link link)
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(link.Address, _bound.Token);
        return client;
    }

    private async Task<byte[]> EchoedAsync(Socket client, byte[] sent)
    {
        var reading = ReadAsync(client, sent.Length);
        await client.SendAsync(sent, _bound.Token);
        return await reading;
    }

    private async Task<byte[]> ReadAsync(Socket client, int count)
    {
        byte[] got = new byte[count];
        for (int have = 0; have < count;)
        {
            int more = await client.ReceiveAsync(got.AsMemory(have), _bound.Token);
            Assert.NotEqual(0, more);
            have += more;
        }
        return got;
    }

    private async Task AssertResetAsync(Socket client)
    {
        var broken = await Assert.ThrowsAsync<SocketException>(async () =>
        {
            while (await client.ReceiveAsync(new byte[4096], _bound.Token) > 0)
            {
            }
        });
        Assert.Equal(SocketError.ConnectionReset, broken.SocketErrorCode);
    }

    private static byte[] Bytes(int count) => [.. Enumerable.Range(0, count).Select(i => (byte)(i * 31 + (i >> 8)))];

    private async Task EchoAsync()
    {
        while (true)
        {
            var socket = await _echo.AcceptSocketAsync(_bound.Token);
            _ = Task.Run(async () =>
            {
                using (socket)
                {
                    byte[] buffer = new byte[32 * 1024];
                    while (await socket.ReceiveAsync(buffer, _bound.Token) is > 0 and var count && buffer[0] != 'q')
                        await socket.SendAsync(buffer.AsMemory(0, count), _bound.Token);
                }
            });
        }
    }
}
