using Quorate.Coordinator.Consensus;
using Quorate.Rounds;

namespace Quorate.Unit.Consensus;

/// <summary>A log that can do nothing but what a test gives it.</summary>
internal abstract class StubLog : IReplicatedLog
{
    public abstract ClusterState State { get; }
    public abstract Leadership Leadership { get; }
    public bool QuorumReachable => true;

    public virtual Task<ClusterState> ChangedAsync(long after, CancellationToken token) =>
        throw new NotSupportedException();

    public virtual Task<Outcome> ProposeAsync(Command command, CancellationToken token) =>
        throw new NotSupportedException();

    public virtual Task<Leadership> LeadershipChangedAsync(Leadership seen, CancellationToken token) =>
        throw new NotSupportedException();

    public Task<ClusterState> ReadAsync(CancellationToken token) => throw new NotSupportedException();

    public IReadOnlyList<(long Index, BlobHash Chain)> ChainWindow(long from, int max) => [];
}
