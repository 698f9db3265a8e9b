using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Quorate.Chaos.Network;

/// <summary>
/// A proxy with faults: a client that dials <see cref="Address"/> talks to the target, each direction through its own
/// <see cref="Lane"/>. If the target is down or closes, the client's connection is reset, but not while either lane is
/// held: in a partition, neither end learns that the other died.
/// </summary>
public sealed class Link : IAsyncDisposable
{
    /// <summary>Concurrent connections; more are refused. Programs open two for each peer.</summary>
    private const int ConnectionsMax = 200;

    private readonly TcpListener _listener;
    private readonly IPEndPoint _target;
    private readonly ulong _seed;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<Socket, Socket?> _open = new();
    private readonly ConcurrentDictionary<int, Task> _carrying = new();
    private readonly Task _accepting;
    private int _connections;

    /// <param name="seed">Determines the jitter and the flipped bits.</param>
    public Link(int port, IPEndPoint target, ulong seed, TimeProvider time)
    {
        (_target, _seed, _time) = (target, seed, time);
        _listener = new TcpListener(IPAddress.Loopback, port);
        _listener.Start();
        _accepting = Task.Run(AcceptAsync);
    }

    public IPEndPoint Address => (IPEndPoint)_listener.LocalEndpoint;

    /// <summary>From the dialler to the target.</summary>
    public Lane There { get; } = new();

    /// <summary>From the target to the dialler.</summary>
    public Lane Back { get; } = new();

    public int Connections => _connections;

    /// <summary>Resets all connections and returns their number.</summary>
    public int Reset()
    {
        int count = 0;
        foreach (var (near, far) in _open)
        {
            Abort(near);
            if (far is not null) Abort(far);
            count++;
        }
        return count;
    }

    public async ValueTask DisposeAsync()
    {
        if (_stop.IsCancellationRequested) return;
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Reset();
        await Task.WhenAll(_carrying.Values).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            var near = await _listener.AcceptSocketAsync(_stop.Token);
            int number = ++_connections;
            if (_open.Count >= ConnectionsMax || !_open.TryAdd(near, null)) Abort(near);
            else _carrying[number] = CarryAsync(near, number);
        }
    }

    private async Task CarryAsync(Socket near, int number)
    {
        await Task.Yield();
        using var far = new Socket(_target.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await There.WhenClearAsync(_stop.Token);
            await far.ConnectAsync(_target, _stop.Token);
            near.NoDelay = far.NoDelay = true;
            _open[near] = far;
            var there = BothOrNone(There, near, far, number);
            var back = BothOrNone(Back, far, near, -number);
            await Task.WhenAll(there, back);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            Abort(near);
        }
        finally
        {
            near.Dispose();
            _open.TryRemove(near, out _);
            _carrying.TryRemove(number, out _);
        }
    }

    /// <summary>A break of one direction also breaks the other, once neither lane is held.</summary>
    private async Task BothOrNone(Lane lane, Socket from, Socket to, int stream)
    {
        try
        {
            await lane.CarryAsync(from, to, new Draws(Draws.Mix(_seed, (ulong)stream)), _time, _stop.Token);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            await There.WhenClearAsync(_stop.Token);
            await Back.WhenClearAsync(_stop.Token);
            Abort(from);
            Abort(to);
        }
    }

    /// <summary>Closes with a reset: data in flight is lost, and the other end learns of it at once.</summary>
    private static void Abort(Socket socket)
    {
        try
        {
            socket.LingerState = new LingerOption(enable: true, seconds: 0);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Closed already.
        }
        socket.Dispose();
    }
}
