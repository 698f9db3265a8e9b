using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Quorate.Coordinator.Telemetry;
using Quorate.Shared.Transfer.Streams;

namespace Quorate.Coordinator.Doors;

/// <summary>
/// The endpoint of HTTP/1.1. Kestrel cannot tell HTTP/1.1 from HTTP/2 on a connection without TLS, so each version has
/// an endpoint of its own; <see cref="Listener"/> serves both on one port.
/// </summary>
internal sealed class HttpOneEndPoint : EndPoint
{
    public override string ToString() => "http/1.1";
}

/// <summary>
/// One port for gRPC, HTTP/1.1 and weights: accepts connections, bounds their number, looks at their first bytes, and
/// hands each to its server. A weight stream is served here, straight from its socket: the web server's pipes would
/// copy every byte once more and wake two more threads for every part.
/// </summary>
/// <param name="server">Called at each weight stream; null: this node does not serve weights yet.</param>
internal sealed partial class Listener(
    ListenerLimits limits, Func<StreamServer?> server, TimeProvider time, ILoggerFactory loggers)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector, IDisposable
{
    private readonly Hand _http1 = new(limits.HandshakesMax);

    public bool CanBind(EndPoint endpoint) => endpoint is IPEndPoint or HttpOneEndPoint;

    /// <exception cref="AddressInUseException">Another program has the port.</exception>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        if (endpoint is HttpOneEndPoint)
        {
            _http1.EndPoint = endpoint;
            return new(_http1);
        }
        try
        {
            var socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
            socket.Listen(ListenerLimits.Backlog);
            return new(new Port(socket, limits, _http1, server, time, loggers));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new AddressInUseException(e.Message, e);
        }
    }

    public void Dispose() => _http1.Close();

    /// <summary>Connections on their way to the web server, which takes them at once.</summary>
    private sealed class Hand(int max) : IConnectionListener
    {
        private readonly Channel<ConnectionContext> _waiting = Channel.CreateBounded<ConnectionContext>(max);

        /// <summary>Null: the web server does not serve this kind of connection.</summary>
        public EndPoint? EndPoint { get; set; }

        EndPoint IConnectionListener.EndPoint => EndPoint!;

        public ValueTask GiveAsync(ConnectionContext connection, CancellationToken token) =>
            _waiting.Writer.WriteAsync(connection, token);

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) =>
            await _waiting.Reader.WaitToReadAsync(cancellationToken) && _waiting.Reader.TryRead(out var connection)
                ? connection
                : null;

        public void Close() => _waiting.Writer.TryComplete();

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            Close();
            return default;
        }

        public ValueTask DisposeAsync() => UnbindAsync();
    }

    /// <summary>A connection that is open.</summary>
    private sealed record Live(Socket Socket, Caller Caller);

    /// <summary>The bound port. The web server takes HTTP/2 connections from it.</summary>
    private sealed partial class Port : IConnectionListener
    {
        /// <summary>How long accepting pauses after a failure, for example when too many files are open.</summary>
        private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(50);

        /// <summary>
        /// Runs every step of a weight stream, as many at a time as there are cores. The others wait here, and not in
        /// the pool's own queue: there, two hundred uploads delayed each of the half dozen steps of a Raft heartbeat by
        /// a tenth of a second, and healthy leaders were deposed.
        /// </summary>
        private readonly TaskScheduler _lane =
            new ConcurrentExclusiveSchedulerPair(TaskScheduler.Default, Math.Max(2, Environment.ProcessorCount))
                .ConcurrentScheduler;

        private readonly Socket _socket;
        private readonly ListenerLimits _limits;
        private readonly Hand _http1, _http2;
        private readonly Func<StreamServer?> _server;
        private readonly TimeProvider _time;
        private readonly ILogger _log;
        private readonly SocketConnectionContextFactory _web;

        /// <summary>All open connections, those of the web server included.</summary>
        private readonly ConcurrentDictionary<Live, Task> _live = new(ReferenceEqualityComparer.Instance);

        /// <summary>Connections that have not sent their first bytes, the oldest first.</summary>
        private readonly LinkedList<Socket> _silent = new();

        private readonly CancellationTokenSource _closing = new(), _closed = new();
        private readonly Task _accepting;
        private volatile bool _unbound;
        private long _refusedAt;

        public Port(Socket socket, ListenerLimits limits, Hand http1, Func<StreamServer?> server, TimeProvider time,
            ILoggerFactory loggers)
        {
            (_socket, _limits, _http1, _server, _time) = (socket, limits, http1, server, time);
            (EndPoint, _log) = (socket.LocalEndPoint!, loggers.CreateLogger<Listener>());
            _http2 = new Hand(limits.HandshakesMax) { EndPoint = EndPoint };
            _web = new SocketConnectionContextFactory(
                KestrelLimits.Sockets, loggers.CreateLogger("Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets"));
            _accepting = AcceptAllAsync();
        }

        public EndPoint EndPoint { get; }

        public ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) =>
            _http2.AcceptAsync(cancellationToken);

        /// <summary>Accepts no more connections, and no more calls on weight streams.</summary>
        public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            _unbound = true;
            _socket.Dispose();
            await _accepting;
            await _closing.CancelAsync();
        }

        /// <summary>Closes what is still open: the web server has given its calls time to end.</summary>
        public async ValueTask DisposeAsync()
        {
            await UnbindAsync();
            await _closed.CancelAsync();
            var open = _live.ToArray();
            foreach (var (connection, _) in open) connection.Socket.Dispose();
            await Task.WhenAll(open.Select(connection => connection.Value));
            _web.Dispose();
        }

        private async Task AcceptAllAsync()
        {
            while (!_unbound)
            {
                try
                {
                    Admit(await _socket.AcceptAsync());
                }
                catch (Exception e) when (_unbound && e is SocketException or ObjectDisposedException)
                {
                    // This node is stopping.
                }
                catch (SocketException e)
                {
                    LogAcceptFailed(e.Message);
                    await Task.Delay(_pause, _time);
                }
            }
            _http2.Close();
        }

        private void Admit(Socket socket)
        {
            if (_live.Count >= _limits.ConnectionsMax)
            {
                socket.Dispose();
                if (_refusedAt == 0 || _time.GetElapsedTime(_refusedAt) > TimeSpan.FromMinutes(1))
                {
                    _refusedAt = _time.GetTimestamp();
                    LogRefused(_limits.ConnectionsMax);
                }
                return;
            }
            socket.NoDelay = true;
            var live = new Live(socket, Caller.Anonymous);
            var served = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _live[live] = served.Task;
            _ = ServeAsync(live, served);
        }

        private async Task ServeAsync(Live live, TaskCompletionSource served)
        {
            bool handedOn = false;
            try
            {
                switch (await KindAsync(live.Socket))
                {
                    case Kind.Weights when _server() is { } server:
                        await using (var stream = new NetworkStream(live.Socket, ownsSocket: false))
                            await Task.Factory.StartNew(
                                () => server.ServeAsync(stream, live.Caller, _closing.Token, _closed.Token),
                                CancellationToken.None, TaskCreationOptions.DenyChildAttach, _lane).Unwrap();
                        break;
                    case Kind.Http2:
                        await HandOnAsync(live, _http2);
                        handedOn = true;
                        break;
                    case Kind.Http1 when _http1.EndPoint is not null:
                        await HandOnAsync(live, _http1);
                        handedOn = true;
                        break;
                }
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException
                or ChannelClosedException)
            {
                // The client was silent, or is gone, or this node stops.
            }
            finally
            {
                if (!handedOn) Closed(live);
                served.SetResult();
            }
        }

        private async Task HandOnAsync(Live live, Hand to)
        {
            var connection = _web.Create(live.Socket);
            connection.Features.Set(live.Caller);
            connection.ConnectionClosed.UnsafeRegister(_ => Closed(live), null);
            await to.GiveAsync(connection, _closing.Token);
        }

        private void Closed(Live live)
        {
            _live.TryRemove(live, out _);
            live.Socket.Dispose();
        }

        private enum Kind
        {
            None,
            Weights,
            Http1,
            Http2,
        }

        /// <summary>
        /// Waits once for the first bytes, and leaves them where they are. One look is enough: every client sends the
        /// start of its protocol in one piece, and a protocol's server rejects a wrong start.
        /// </summary>
        private async Task<Kind> KindAsync(Socket socket)
        {
            var place = Silent(socket);
            try
            {
                using var late = new CancellationTokenSource(_limits.FirstBytesMax, _time);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(_closing.Token, late.Token);
                byte[] start = new byte[Frame.Preface.Length];
                int count = await socket.ReceiveAsync(start, SocketFlags.Peek, either.Token);
                var came = start.AsSpan(0, count);
                return count == 0 ? Kind.None
                    : Frame.Preface.StartsWith(came) ? Kind.Weights
                    : came.StartsWith("PRI"u8) || "PRI"u8.StartsWith(came) ? Kind.Http2
                    : Kind.Http1;
            }
            finally
            {
                lock (_silent)
                    if (place.List is not null) _silent.Remove(place);
            }
        }

        /// <summary>Makes room for one more silent connection: the one that has been silent for longest goes.</summary>
        private LinkedListNode<Socket> Silent(Socket socket)
        {
            Socket? longest = null;
            LinkedListNode<Socket> place;
            lock (_silent)
            {
                if (_silent.Count >= _limits.HandshakesMax && _silent.First is { } first)
                {
                    longest = first.Value;
                    _silent.RemoveFirst();
                }
                place = _silent.AddLast(socket);
            }
            longest?.Dispose();
            return place;
        }

        [LoggerMessage(EventIds.AcceptFailed, LogLevel.Error, "Accepting a connection failed; trying again. {Why}")]
        private partial void LogAcceptFailed(string why);

        [LoggerMessage(EventIds.ConnectionRefused, LogLevel.Warning,
            "All {Max} connections are taken; closing new ones until one ends.")]
        private partial void LogRefused(int max);
    }
}
