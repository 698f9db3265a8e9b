using System.Net;
using System.Net.Sockets;
using System.Numerics;
using Quorate.Chaos.Network;
using Quorate.Chaos.Processes;

namespace Quorate.ChaosTests.Network;

/// <summary>A fault that does not do what it says proves nothing: each is seen on real sockets.</summary>
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
    public async Task In_fair_weather_everything_passes_both_ways()
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
    public async Task What_is_held_arrives_when_the_sky_clears_and_not_before(bool there, bool back)
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
    public async Task While_held_neither_end_learns_that_the_other_is_gone()
    {
        using var client = await ConnectAsync(_link);
        await EchoedAsync(client, [1]);
        _link.There.Weather = _link.Back.Weather = new Weather { Held = true };
        await client.SendAsync("q"u8.ToArray(), _bound.Token); // The echo closes its end on a q.
        await OtherLinkEchoesAsync();
        Assert.Equal(0, client.Available);
        Assert.False(client.Poll(0, SelectMode.SelectRead), "The end of the connection was seen.");

        _link.There.Weather = _link.Back.Weather = Weather.Fair;

        Assert.Equal(0, await client.ReceiveAsync(new byte[1], _bound.Token));
    }

    [Fact]
    public async Task A_reset_is_a_reset_and_the_next_connection_works()
    {
        using var client = await ConnectAsync(_link);
        await EchoedAsync(client, [1]);
        Assert.Equal(1, _link.Reset());
        await AssertResetAsync(client);
        using var next = await ConnectAsync(_link);
        Assert.Equal([3], await EchoedAsync(next, [3]));
    }

    [Fact]
    public async Task A_cut_lets_so_many_bytes_pass_and_resets_once()
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
    public async Task A_flip_is_one_bit_of_a_large_chunk_and_small_ones_are_spared()
    {
        _link.There.Weather = new Weather { FlipChance = 1 };
        using var client = await ConnectAsync(_link);
        Assert.Equal(Bytes(100), await EchoedAsync(client, Bytes(100)));
        Assert.Equal(0, _link.There.Flips);
        byte[] sent = Bytes(200_000), got = await EchoedAsync(client, sent);
        int bits = sent.Zip(got).Sum(pair => BitOperations.PopCount((uint)(pair.First ^ pair.Second)));
        Assert.InRange(bits, 1, _link.There.Flips);
        Assert.Equal(_link.There.Flips % 2, bits % 2); // Two in one place would undo each other.
    }

    [Fact]
    public async Task A_delay_is_no_shorter_than_it_says()
    {
        using var client = await ConnectAsync(_link);
        await EchoedAsync(client, [1]);
        _link.There.Weather = new Weather { Delay = TimeSpan.FromMilliseconds(60) };
        long sent = TimeProvider.System.GetTimestamp();
        await EchoedAsync(client, [2]);
        // A timer counts whole ticks of a coarser clock, so it may seem to be a little early.
        Assert.True(TimeProvider.System.GetElapsedTime(sent) >= TimeSpan.FromMilliseconds(50));
    }

    [Fact]
    public async Task A_target_that_is_down_shows_as_a_reset()
    {
        _echo.Stop();
        // The reset can be there before the client has noticed that it was connected.
        var broken = await Assert.ThrowsAsync<SocketException>(async () =>
        {
            using var client = await ConnectAsync(_link);
            await client.ReceiveAsync(new byte[1], _bound.Token);
        });
        Assert.Equal(SocketError.ConnectionReset, broken.SocketErrorCode);
    }

    private Link NewLink() => new(0, (IPEndPoint)_echo.LocalEndpoint, 7, TimeProvider.System);

    /// <summary>A whole conversation elsewhere: what could pass here meanwhile would have passed.</summary>
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
