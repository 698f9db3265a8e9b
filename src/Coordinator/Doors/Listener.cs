using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Quorate.Shared.Transfer.Streams;

namespace Quorate.Coordinator.Doors;

/// <summary>
/// One port for gRPC and for weights. A connection that begins as a weight stream does is served here, straight from
/// its socket: through the web server's pipes every byte would be copied once more and every part would wake two more
/// threads. Any other goes to the web server, untouched.
/// </summary>
/// <param name="server">Asked once, at the first weight stream; null: this node does not serve weights yet.</param>
internal sealed class WeightStreams(Func<StreamServer?> server, TimeProvider time, ILoggerFactory loggers)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    /// <summary>Connections that wait to be accepted, as many as the web server's own listener lets wait.</summary>
    private const int Backlog = 512;

    public bool CanBind(EndPoint endpoint) => endpoint is IPEndPoint;

    /// <exception cref="AddressInUseException">Another program has the port.</exception>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        try
        {
            var socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
            socket.Listen(Backlog);
            return new(new SharedPort(socket, server, time, loggers));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new AddressInUseException(e.Message, e);
        }
    }
}

/// <summary>The port of <see cref="WeightStreams"/>.</summary>
internal sealed class SharedPort : IConnectionListener
{
    /// <summary>Connections that the web server has not taken yet: it takes them at once.</summary>
    private const int WaitingMax = 512;

    /// <summary>Any client speaks first, and at once.</summary>
    private static readonly TimeSpan FirstByteMax = TimeSpan.FromSeconds(10);

    /// <summary>A client's first packet carries more than the eight bytes that tell; if not, look again after this.
    /// </summary>
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(5);

    /// <summary>
    /// Where every step of a weight stream runs, and what it awaits goes on: as many at a time as there are cores. The
    /// others wait here, not in the pool's own queue: there two hundred uploads at once stood for a tenth of a second
    /// before each step of a Raft heartbeat, which has half a dozen, and the cluster lost a leader that was well.
    /// </summary>
    private readonly TaskScheduler _lane =
        new ConcurrentExclusiveSchedulerPair(TaskScheduler.Default, Math.Max(2, Environment.ProcessorCount))
            .ConcurrentScheduler;

    private readonly Socket _socket;
    private readonly Func<StreamServer?> _server;
    private readonly TimeProvider _time;
    private readonly SocketConnectionContextFactory _web;
    private readonly Channel<ConnectionContext> _forWeb = Channel.CreateBounded<ConnectionContext>(WaitingMax);
    private readonly ConcurrentDictionary<Task, Socket> _open = new();
    private readonly CancellationTokenSource _closing = new(), _closed = new();
    private readonly Task _accepting;
    private volatile bool _unbound;

    public SharedPort(Socket socket, Func<StreamServer?> server, TimeProvider time, ILoggerFactory loggers)
    {
        (_socket, _server, _time) = (socket, server, time);
        EndPoint = socket.LocalEndPoint!;
        _web = new SocketConnectionContextFactory(
            KestrelLimits.Sockets, loggers.CreateLogger("Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets"));
        _accepting = AcceptAsync();
    }

    public EndPoint EndPoint { get; }

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) =>
        await _forWeb.Reader.WaitToReadAsync(cancellationToken) && _forWeb.Reader.TryRead(out var connection)
            ? connection
            : null;

    /// <summary>Takes no more connections, and on those of weights no more calls.</summary>
    public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        _unbound = true;
        _socket.Dispose();
        await _accepting;
        await _closing.CancelAsync();
    }

    /// <summary>Ends what is still under way: the web server has given it its time.</summary>
    public async ValueTask DisposeAsync()
    {
        await UnbindAsync();
        await _closed.CancelAsync();
        foreach (var open in _open.Values) open.Dispose();
        await Task.WhenAll(_open.Keys);
        _web.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_unbound)
        {
            try
            {
                var socket = await _socket.AcceptAsync();
                socket.NoDelay = true;
                var serving = ServeAsync(socket);
                _open[serving] = socket;
                _ = serving.ContinueWith(done => _open.TryRemove(done, out _), TaskScheduler.Default);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException && _unbound)
            {
                // This node stops.
            }
            catch (SocketException)
            {
                await Task.Delay(LookAgain, _time); // Gone before it was taken, or too many files are open.
            }
        }
        _forWeb.Writer.TryComplete();
    }

    private async Task ServeAsync(Socket socket)
    {
        bool handedOn = false;
        try
        {
            if (!await IsWeightStreamAsync(socket))
            {
                await _forWeb.Writer.WriteAsync(_web.Create(socket), _closing.Token);
                handedOn = true;
            }
            else if (_server() is { } server)
            {
                await using var stream = new NetworkStream(socket, ownsSocket: false);
                await Task.Factory.StartNew(
                    () => server.ServeAsync(stream, Caller.Anonymous, _closing.Token, _closed.Token),
                    CancellationToken.None, TaskCreationOptions.DenyChildAttach, _lane).Unwrap();
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException
            or ChannelClosedException)
        {
            // It said nothing in time, is gone, or this node stops.
        }
        finally
        {
            if (!handedOn) socket.Dispose();
        }
    }

    /// <summary>Looks at the first bytes and leaves them where they are.</summary>
    private async Task<bool> IsWeightStreamAsync(Socket socket)
    {
        using var late = new CancellationTokenSource(FirstByteMax, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(_closing.Token, late.Token);
        byte[] start = new byte[Frame.Preface.Length];
        while (true)
        {
            int count = await socket.ReceiveAsync(start, SocketFlags.Peek, either.Token);
            bool begins = Frame.Preface.StartsWith(start.AsSpan(0, count));
            if (!begins || count is 0 || count == start.Length) return begins && count > 0;
            await Task.Delay(LookAgain, _time, either.Token);
        }
    }
}
