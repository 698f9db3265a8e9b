using Grpc.Core;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Settings;

namespace Quorate.Coordinator.Intake;

/// <summary>
/// Turns "not here" and "not now" into the two answers every client understands: FAILED_PRECONDITION with the
/// leader's address in the trailers, or UNAVAILABLE "no quorum: read-only".
/// </summary>
internal sealed class LeaderGate(IReplicatedLog log, CoordinatorOptions options)
{
    public const string LeaderIdTrailer = "quorate-leader-id";
    public const string LeaderAddressTrailer = "quorate-leader-address";

    private readonly Places _places = new(Places.RequestsMax, "requests that wait for the log");

    /// <exception cref="RpcException">This node does not lead.</exception>
    public void Require()
    {
        if (!log.Leadership.IsLeader) throw Elsewhere(log.Leadership.LeaderNode);
    }

    /// <summary>
    /// Runs a step that only the leader can do, and names the leader where this node turns out not to be it. At most
    /// <see cref="Places.RequestsMax"/> at a time.
    /// </summary>
    public async Task<T> LeadAsync<T>(Func<Task<T>> step)
    {
        Require();
        using var place = _places.Take();
        try
        {
            return await step();
        }
        catch (NotLeaderException e)
        {
            throw Elsewhere(e.LeaderNode);
        }
        catch (OutcomeUnknownException)
        {
            throw new RpcException(new Status(
                StatusCode.Unavailable,
                "The outcome is unknown, because leadership or the quorum was lost: ask again."));
        }
    }

    private RpcException Elsewhere(int? leader)
    {
        if (leader is not { } id || id == options.Node)
            return new RpcException(new Status(StatusCode.Unavailable, "no quorum: read-only"));
        string address = options.Hosts.Node(id).Grpc.ToString();
        return new RpcException(
            new Status(StatusCode.FailedPrecondition,
                $"Node {options.Node} does not lead; node {id} at {address} does."),
            new Metadata { { LeaderIdTrailer, $"{id}" }, { LeaderAddressTrailer, address } });
    }
}
