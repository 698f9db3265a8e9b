using System.Threading.RateLimiting;
using Grpc.Core;
using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Intake;
using Quorate.Coordinator.Settings;

namespace Quorate.Coordinator.Doors;

/// <summary>
/// Turns this node's reasons not to serve a call into status codes. Two of them every client must understand:
/// FAILED_PRECONDITION with the leader's address in the trailers, and UNAVAILABLE "no quorum: read-only".
/// </summary>
internal sealed class LeaderGate(IReplicatedLog log, CoordinatorOptions options)
{
    public const string LeaderIdTrailer = "quorate-leader-id";
    public const string LeaderAddressTrailer = "quorate-leader-address";

    /// <exception cref="RpcException">This node does not lead.</exception>
    public void Require()
    {
        if (!log.Leadership.IsLeader) throw Elsewhere(log.Leadership.LeaderNode);
    }

    /// <summary>Runs a step that only the leader can do.</summary>
    /// <exception cref="RpcException">As <see cref="AnswerAsync"/>.</exception>
    public Task<T> LeadAsync<T>(Func<Task<T>> step)
    {
        Require();
        return AnswerAsync(step);
    }

    /// <summary>Runs a step and translates its failures.</summary>
    /// <exception cref="RpcException">The step could not be done now or here.</exception>
    public async Task<T> AnswerAsync<T>(Func<Task<T>> step)
    {
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
            throw Refusal(StatusCode.Unavailable,
                "The outcome is unknown, because leadership or the quorum was lost: ask again.");
        }
        catch (BlobUnavailableException e)
        {
            throw Refusal(StatusCode.Unavailable, e.Message);
        }
        catch (Exception e) when (e is BusyException or StoreFullException)
        {
            throw Refusal(StatusCode.ResourceExhausted, e.Message);
        }
    }

    /// <exception cref="RpcException">RESOURCE_EXHAUSTED: the limit is reached.</exception>
    public static RateLimitLease Permit(Func<RateLimitLease> take)
    {
        try
        {
            return take();
        }
        catch (BusyException e)
        {
            throw Refusal(StatusCode.ResourceExhausted, e.Message);
        }
    }

    public static RpcException Refusal(StatusCode code, string sentence) => new(new Status(code, sentence));

    private RpcException Elsewhere(int? leader)
    {
        if (leader is not { } id || id == options.Node)
            return Refusal(StatusCode.Unavailable, "no quorum: read-only");
        string address = options.Hosts.Node(id).Grpc.ToString();
        return new RpcException(
            new Status(StatusCode.FailedPrecondition,
                $"Node {options.Node} does not lead; node {id} at {address} does."),
            new Metadata { { LeaderIdTrailer, $"{id}" }, { LeaderAddressTrailer, address } });
    }
}
