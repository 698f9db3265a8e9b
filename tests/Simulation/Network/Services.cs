using Grpc.Core;
using Quorate.Coordinator.Doors;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;
using Quorate.Simulation.World;

namespace Quorate.Simulation.Network;

/// <summary>
/// The services of one coordinator's process by method name, like the lookup in gRPC's own server.
/// </summary>
internal sealed class Services : ServiceBinderBase
{
    private readonly Dictionary<string, Delegate> _methods = [];

    public Services(
        Machine machine, Federation.FederationBase federation, Admin.AdminBase admin, TransferBase transfer,
        PeersBase peers, StreamServer weights)
    {
        (Machine, Weights) = (machine, weights);
        Federation.BindService(this, federation);
        Admin.BindService(this, admin);
        TransferContract.BindService(this, transfer);
        TransferContract.BindService(this, peers);
    }

    public Machine Machine { get; }

    /// <summary>Serves the connections that carry weights.</summary>
    public StreamServer Weights { get; }

    public THandler Find<THandler>(IMethod method) where THandler : Delegate => (THandler)_methods[method.FullName];

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler) =>
        _methods[method.FullName] = handler!;

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler) =>
        _methods[method.FullName] = handler!;

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse>? handler)
    {
        // Weights travel in frames: see Wire.
    }

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler)
    {
        // Weights travel in frames: see Wire.
    }
}
