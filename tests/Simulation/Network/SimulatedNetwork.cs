using Grpc.Core;
using Quorate.Coordinator.Blobs;
using Quorate.Shared.Cluster;
using Quorate.Shared.Transfer;
using Quorate.Shared.Transfer.Streams;
using Quorate.Simulation.World;

namespace Quorate.Simulation.Network;

/// <summary>
/// Carries messages between machines: late, never, or with a broken connection instead. A machine that cannot be
/// reached differs from one that refuses only by the time it takes.
/// </summary>
internal sealed class SimulatedNetwork(SimulatedWorld world, Links links)
{
    private readonly Dictionary<int, Services> _services = [];

    public Links Links => links;

    public SimulatedWorld World => world;

    public WeightFaults Weights { get; } = new(world);

    /// <summary>Exceptions that a service should not have thrown.</summary>
    public List<string> Unexpected { get; } = [];

    public void Open(Services services) => _services[services.Machine.Id] = services;

    public Services? Find(int node) =>
        _services.GetValueOrDefault(node) is { Machine.IsAlive: true } services ? services : null;

    public NodeConnection Connect(Machine from, int to) =>
        new(to, $"http://node-{to}", new SimulatedInvoker(this, from, to), WeightsTo(from, to));

    public Peer ConnectPeer(Machine from, int to) =>
        new(to, new StreamInvoker(WeightsTo(from, to), new SimulatedInvoker(this, from, to)));

    /// <summary>
    /// Delivers to the process that is at <paramref name="to"/> when the message arrives, or tells the sender later
    /// that the connection is broken.
    /// </summary>
    public void Send(Machine from, int to, string what, Action deliver, Action<string> broken)
    {
        if (!from.IsAlive) return;
        if (links.Loses())
        {
            world.Trace.Mark("a connection reset");
            from.After(links.Delay(), () => broken("the connection was reset"));
            return;
        }
        world.After(links.Delay(), () =>
        {
            if (!links.IsOpen(from.Id, to) || !links.IsOpen(to, from.Id))
            {
                world.Trace.Mark("a message into a partition");
                from.After(links.KeepAlive(), () => broken("nothing came back"));
            }
            else if (links.Find(to) is not { } target) from.After(links.Delay(), () => broken("connection refused"));
            else target.After(TimeSpan.Zero, () =>
            {
                target.Note(what);
                deliver();
            });
        });
    }

    /// <summary>The exception that a client sees when a service throws.</summary>
    public RpcException Seen(string method, Exception fault)
    {
        if (fault is RpcException rpc) return rpc;
        if (fault is not (OperationCanceledException or IOException)) Unexpected.Add($"{method}: {fault}");
        return new RpcException(new Status(StatusCode.Unknown, "Exception was thrown by handler."));
    }

    private StreamConnections WeightsTo(Machine from, int to) => new(token =>
    {
        var dialled = new TaskCompletionSource<StreamConnection>();
        var given = token.Register(() => dialled.TrySetCanceled(token));
        from.After(Channels.ConnectTimeout, () => Refuse("no connection in time"));
        Send(from, to, "dial", () =>
        {
            if (Find(to) is not { } services) Refuse("no such service yet");
            else if (!dialled.Task.IsCompleted) dialled.TrySetResult(new Wire(this, from, services).Client);
        }, Refuse);
        return Dialled();

        void Refuse(string why) => from.After(TimeSpan.Zero, () => dialled.TrySetException(Unavailable(why)));

        async Task<StreamConnection> Dialled()
        {
            await using (given) return await dialled.Task;
        }
    });

    public static RpcException Unavailable(string why) => new(new Status(StatusCode.Unavailable, why));
}
