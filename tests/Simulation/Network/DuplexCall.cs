using System.Threading.Channels;
using Grpc.Core;
using Quorate.Coordinator.Doors;
using Quorate.Simulation.World;

namespace Quorate.Simulation.Network;

/// <summary>A call with a stream in each direction. It ends for both sides when one of them dies, ends it or is silent.
/// </summary>
internal sealed class DuplexCall<TRequest, TResponse>
    where TRequest : class
    where TResponse : class
{
    private readonly SimulatedNetwork _network;
    private readonly Machine _from;
    private readonly int _to;
    private readonly Method<TRequest, TResponse> _method;
    private readonly CancellationTokenSource _served = new();
    private readonly CancellationTokenRegistration _given;

    public DuplexCall(
        SimulatedNetwork network, Machine from, int to, Method<TRequest, TResponse> method, CancellationToken token)
    {
        (_network, _from, _to, _method) = (network, from, to, method);
        Requests = new Conduit<TRequest>(network, from, to, Break);
        Responses = new Conduit<TResponse>(network, null, from.Id, Break);
        _given = token.Register(Cancel);
    }

    public Conduit<TRequest> Requests { get; }

    public Conduit<TResponse> Responses { get; }

    public void Start() => _network.Send(_from, _to, _method.Name, () => _ = ServeAsync(), Break);

    public void Cancel()
    {
        Requests.End(new OperationCanceledException());
        if (Responses.End(new OperationCanceledException()))
            _network.Send(_from, _to, "cancel", _served.Cancel, _ => _served.Cancel());
    }

    private void Break(string why)
    {
        _network.World.Trace.Mark("a stream broken");
        Requests.End(new IOException(why));
        Responses.End(SimulatedNetwork.Unavailable(why));
        _served.Cancel();
    }

    private async Task ServeAsync()
    {
        if (_network.Find(_to) is not { } services)
        {
            _from.After(_network.Links.Delay(), () => Break("no such service yet"));
            return;
        }
        Responses.From = services.Machine;
        using var theirs = services.Machine.Death.Register(
            () => _from.After(_network.Links.Delay(), () => Break("the other side died")));
        using var ours = _from.Death.Register(
            () => services.Machine.After(_network.Links.Delay(), () => Break("the other side died")));
        Exception? end = null;
        try
        {
            var serve = services.Find<DuplexStreamingServerMethod<TRequest, TResponse>>(_method);
            await serve(Requests, Responses, new StreamContext(_method.Name, [], _served.Token));
        }
        catch (Exception e)
        {
            end = _network.Seen(_method.FullName, e);
        }
        _network.Send(services.Machine, _from.Id, "end of stream", () => Responses.End(end), why =>
            _from.After(TimeSpan.Zero, () => Break(why)));
        await _given.DisposeAsync();
    }
}

/// <summary>One direction of a stream: messages arrive in order, delayed by the network.</summary>
internal sealed class Conduit<T>(SimulatedNetwork network, Machine? from, int to, Action<string> broken)
    : IClientStreamWriter<T>, IServerStreamWriter<T>, IAsyncStreamReader<T>
    where T : class
{
    private static readonly TimeSpan _again = TimeSpan.FromMilliseconds(100);

    private readonly Channel<T> _arrived = Channel.CreateUnbounded<T>();
    private readonly Queue<T> _under = new();
    private bool _ended;
    private Exception? _fault;
    private long _held;

    public Machine? From { get; set; } = from;

    public T Current { get; private set; } = null!;

    public WriteOptions? WriteOptions { get; set; }

    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        if (!await _arrived.Reader.WaitToReadAsync(cancellationToken) || !_arrived.Reader.TryRead(out var next))
            return false;
        Current = next;
        return true;
    }

    public Task WriteAsync(T message) => WriteAsync(message, CancellationToken.None);

    public Task WriteAsync(T message, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested) return Task.FromCanceled(cancellationToken);
        // On a broken connection, a client's write throws an IOException; a server's is dropped, and its call is
        // cancelled.
        if (_fault is IOException broke) return Task.FromException(broke);
        if (_ended) return Task.CompletedTask;
        _under.Enqueue(message);
        if (_under.Count == 1) Carry(network.Links.Delay());
        return Task.CompletedTask;
    }

    public Task CompleteAsync()
    {
        End(null);
        return Task.CompletedTask;
    }

    /// <summary>Returns false if it had ended before.</summary>
    public bool End(Exception? fault)
    {
        bool first = !_ended;
        (_ended, _fault) = (true, _fault ?? fault);
        _arrived.Writer.TryComplete(fault);
        return first;
    }

    private void Carry(TimeSpan delay) => network.World.After(delay, () =>
    {
        if (_ended || From is not { IsAlive: true } sender) return;
        if (!network.Links.IsOpen(sender.Id, to))
        {
            if ((_held += _again.Ticks) > 60 * _again.Ticks) broken("nothing came back");
            else Carry(_again);
            return;
        }
        _held = 0;
        if (network.Links.Find(to) is not { } target) return;
        var message = _under.Dequeue();
        target.After(TimeSpan.Zero, () => _arrived.Writer.TryWrite(message));
        if (_under.Count > 0) Carry(network.Links.Delay());
    });
}
