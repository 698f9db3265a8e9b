using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Doors;
using Quorate.Coordinator.Settings;
using Quorate.Rounds;
using Quorate.Unit.Consensus;

namespace Quorate.Unit.Doors;

/// <summary>One port: what it serves, and what it closes.</summary>
public sealed class ListenerTests
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Health_is_answered_over_both_versions_of_HTTP(int version)
    {
        await using var node = await Node.StartAsync(new ListenerLimits());
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://{node.Address}/healthz")
        {
            Version = new Version(version, version == 1 ? 1 : 0), VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };

        using var response = await client.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("leader\n", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_connection_above_the_limit_is_closed_and_one_is_served_again_when_another_ends()
    {
        await using var node = await Node.StartAsync(new ListenerLimits { ConnectionsMax = 2 });
        using var first = await node.ConnectAsync();
        using var second = await node.ConnectAsync();
        await node.AcceptedAsync(2);
        using (var third = await node.ConnectAsync()) Assert.True(await IsClosedAsync(third));
        first.Dispose();
        await UntilServedAsync(node);
    }

    [Fact]
    public async Task One_more_silent_connection_closes_the_one_that_was_silent_for_longest()
    {
        await using var node = await Node.StartAsync(new ListenerLimits { HandshakesMax = 2 });
        using var first = await node.ConnectAsync();
        await node.AcceptedAsync(1);
        using var second = await node.ConnectAsync();
        await node.AcceptedAsync(2);
        using var third = await node.ConnectAsync();
        Assert.True(await IsClosedAsync(first));
        await UntilServedAsync(node);
    }

    [Fact]
    public async Task A_connection_that_stays_silent_is_closed()
    {
        var limits = new ListenerLimits();
        await using var node = await Node.StartAsync(limits);
        using var silent = await node.ConnectAsync();
        await node.AcceptedAsync(1);
        node.Time.Advance(limits.FirstBytesMax);
        Assert.True(await IsClosedAsync(silent));
    }

    /// <summary>The first byte of a weight stream alone must not keep a thread busy.</summary>
    [Fact]
    public async Task A_connection_that_sends_one_byte_of_a_preface_costs_no_polling_and_is_closed_after_its_bound()
    {
        var time = new CountingTime();
        var server = new StreamServer(
            null!, null!, Authorizer.WithoutCertificates, time, fault => Assert.Fail(fault.ToString()));
        await using var node = await Node.StartAsync(new ListenerLimits(), time, server);
        using var client = await node.ConnectAsync();
        await client.SendAsync("Q"u8.ToArray());
        await time.ReachAsync(2).WaitAsync(_patience); // The bound of the first bytes, and that of the preface.

        time.Advance(StreamServer.MessageMax - TimeSpan.FromTicks(1));
        Assert.Equal(2, time.Timers);
        Assert.Equal(0, client.Available);
        var closed = IsClosedAsync(client);
        Assert.False(closed.IsCompleted);
        time.Advance(TimeSpan.FromTicks(1));

        Assert.True(await closed);
        Assert.Equal(2, time.Timers);
    }

    [Fact]
    public void A_process_that_may_open_too_few_files_is_told_so_and_others_keep_half_of_them()
    {
        var refusal = Assert.Throws<SettingsException>(() => ListenerLimits.For(100));
        Assert.Contains("ulimit -n", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(512, ListenerLimits.For(1024).ConnectionsMax);
        Assert.Equal(new ListenerLimits().ConnectionsMax, ListenerLimits.For(long.MaxValue).ConnectionsMax);
        Assert.InRange(ListenerLimits.OfProcess().ConnectionsMax, 128, 16_384);
    }

    private static async Task UntilServedAsync(Node node)
    {
        using var client = new HttpClient();
        using var bound = new CancellationTokenSource(_patience);
        while (true)
        {
            try
            {
                Assert.Equal("leader\n", await client.GetStringAsync($"http://{node.Address}/healthz", bound.Token));
                return;
            }
            catch (HttpRequestException)
            {
                await Task.Yield(); // The place is not free yet.
            }
        }
    }

    private static async Task<bool> IsClosedAsync(Socket socket)
    {
        using var bound = new CancellationTokenSource(_patience);
        try
        {
            return await socket.ReceiveAsync(new byte[1], bound.Token) == 0;
        }
        catch (SocketException)
        {
            return true;
        }
    }

    private sealed class Node : IAsyncDisposable
    {
        private readonly WebApplication _app;

        private Node(ListenerLimits limits, CountingTime time, StreamServer? server)
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.Services.AddSingleton<IConnectionListenerFactory>(
                new Listener(limits, () => server, time, NullLoggerFactory.Instance));
            Time = time;
            builder.WebHost.ConfigureKestrel(kestrel =>
            {
                KestrelLimits.Apply(kestrel);
                kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2);
                kestrel.Listen(new HttpOneEndPoint(), listen => listen.Protocols = HttpProtocols.Http1);
            });
            _app = builder.Build();
            Health.Map(_app, new LeadingLog());
        }

        public string Address { get; private set; } = "";

        public CountingTime Time { get; }

        public static async Task<Node> StartAsync(
            ListenerLimits limits, CountingTime? time = null, StreamServer? server = null)
        {
            var node = new Node(limits, time ?? new CountingTime(), server);
            await node._app.StartAsync();
            node.Address = new Uri(node._app.Urls.First(url => url.Contains("127.0.0.1", StringComparison.Ordinal)))
                .Authority;
            return node;
        }

        public async Task<Socket> ConnectAsync()
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(IPEndPoint.Parse(Address));
            return socket;
        }

        /// <summary>Returns once this many connections wait, or have waited, for their first bytes.</summary>
        public Task AcceptedAsync(int count) => Time.ReachAsync(count).WaitAsync(_patience);

        public async ValueTask DisposeAsync()
        {
            await _app.StopAsync(new CancellationToken(canceled: true));
            await _app.DisposeAsync();
        }
    }

    /// <summary>Counts the timers made: one for the first bytes of each accepted connection.</summary>
    private sealed class CountingTime : FakeTimeProvider
    {
        private readonly Lock _gate = new();
        private readonly List<(int Count, TaskCompletionSource Reached)> _waiting = [];
        private int _count;

        public int Timers => Volatile.Read(ref _count);

        public Task ReachAsync(int count)
        {
            lock (_gate)
            {
                if (_count >= count) return Task.CompletedTask;
                var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _waiting.Add((count, reached));
                return reached.Task;
            }
        }

        public override ITimer CreateTimer(
            TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            lock (_gate)
            {
                _count++;
                foreach (var (count, reached) in _waiting)
                    if (_count >= count) reached.TrySetResult();
            }
            return timer;
        }
    }

    private sealed class LeadingLog : StubLog
    {
        public override ClusterState State => ClusterState.Empty;
        public override Leadership Leadership => new(0, 1, CancellationToken.None);
    }
}
