using Grpc.Core;
using Quorate.Coordinator.Doors;
using Quorate.Simulation.World;

namespace Quorate.Simulation.Network;

/// <summary>
/// Calls one coordinator's services in this process through the simulated network. Cancellations and deadlines end a
/// call with an OperationCanceledException, as in our channels.
/// </summary>
internal sealed class SimulatedInvoker(SimulatedNetwork network, Machine from, int to) : CallInvoker
{
    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        var call = new UnaryCall<TRequest, TResponse>(network, from, to, method, options);
        call.Start(request);
        return new AsyncUnaryCall<TResponse>(
            call.Answer, Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], call.Cancel);
    }

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options)
    {
        var call = new DuplexCall<TRequest, TResponse>(network, from, to, method, options.CancellationToken);
        call.Start();
        return new AsyncDuplexStreamingCall<TRequest, TResponse>(
            call.Requests, call.Responses, Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [],
            call.Cancel);
    }

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        throw new NotSupportedException("Weights travel in frames.");

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) =>
        throw new NotSupportedException("Weights travel in frames.");

    public override TResponse BlockingUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        throw new NotSupportedException("One thread cannot wait for itself.");
}

/// <summary>A call with one request and one answer.</summary>
internal sealed class UnaryCall<TRequest, TResponse>(
    SimulatedNetwork network, Machine from, int to, Method<TRequest, TResponse> method, CallOptions options)
    where TRequest : class
    where TResponse : class
{
    private readonly TaskCompletionSource<TResponse> _answer = new();
    private readonly CancellationTokenSource _served = new();

    public Task<TResponse> Answer => _answer.Task;

    public void Start(TRequest request)
    {
        if (options.Deadline is { } deadline)
            from.After(deadline - from.Time.GetUtcNow().UtcDateTime, Cancel);
        UntilAnswered(options.CancellationToken.Register(Cancel));
        network.Send(from, to, method.Name, () => _ = ServeAsync(request), Break);
    }

    public void Cancel()
    {
        if (!_answer.TrySetCanceled()) return;
        network.Send(from, to, "cancel", _served.Cancel, _ => { });
    }

    /// <summary>Keeps a registration until the answer has arrived: a server that dies before never answers.</summary>
    private void UntilAnswered(CancellationTokenRegistration given) => _answer.Task.ContinueWith(
        _ => given.Unregister(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously,
        TaskScheduler.Default);

    private async Task ServeAsync(TRequest request)
    {
        if (network.Find(to) is not { } services)
        {
            from.After(network.Links.Delay(), () => Break("no such service yet"));
            return;
        }
        UntilAnswered(services.Machine.Death.Register(
            () => from.After(network.Links.Delay(), () => Break("the other side died"))));
        var serve = services.Find<UnaryServerMethod<TRequest, TResponse>>(method);
        Action deliver;
        try
        {
            var response = await serve(request, new StreamContext(method.Name, [], _served.Token));
            deliver = () => _answer.TrySetResult(response);
        }
        catch (Exception e)
        {
            var seen = network.Seen(method.FullName, e);
            deliver = () => _answer.TrySetException(seen);
        }
        network.Send(services.Machine, from.Id, method.Name + " answered", deliver, why =>
        {
            network.World.Trace.Mark("an answer lost on its way");
            from.After(TimeSpan.Zero, () => Break(why));
        });
    }

    private void Break(string why) => _answer.TrySetException(SimulatedNetwork.Unavailable(why));
}
