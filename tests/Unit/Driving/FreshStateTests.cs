using Grpc.Core;
using Microsoft.Extensions.Time.Testing;
using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Driving;
using Quorate.Rounds;
using Quorate.Shared.Protocol;
using Quorate.Unit.Consensus;

namespace Quorate.Unit.Driving;

/// <summary>A follower that was paused learns who leads before it learns what was committed in the meantime.</summary>
public sealed class FreshStateTests
{
    private static readonly CancellationToken _over = new(canceled: true);
    private readonly FakeTimeProvider _time = new();
    private readonly Follower _log = new();

    [Fact]
    public async Task A_follower_waits_until_it_has_applied_its_leaders_index()
    {
        var reading = Fresh(new Answering(7)).ReadAsync(default);
        _log.Apply(6);
        Assert.False(reading.IsCompleted);
        _log.Apply(7);
        Assert.Equal(7, (await reading)!.Index);
    }

    [Fact]
    public async Task Without_a_leader_or_its_answer_there_is_no_state()
    {
        Assert.Null(await Fresh(new Answering(null)).ReadAsync(default));
        _log.Known = new Leadership(null, 3, _over);
        Assert.Null(await Fresh(new Answering(0)).ReadAsync(default));
    }

    [Fact]
    public async Task A_follower_that_does_not_catch_up_in_time_gives_up()
    {
        var reading = Fresh(new Answering(7)).ReadAsync(default);
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Null(await reading);
    }

    [Fact]
    public async Task A_cancelled_read_throws() =>
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Fresh(new Answering(null)).ReadAsync(_over));

    private FreshState Fresh(CallInvoker leader) => new(_log, [new Peer(2, leader)], _time);

    private sealed class Follower : StubLog
    {
        private readonly Latest<ClusterState> _state = new(ClusterState.Empty);

        public override ClusterState State => _state.Value;
        public override Leadership Leadership => Known;
        public Leadership Known { get; set; } = new(2, 3, _over);

        public void Apply(long index) => _state.Set(ClusterState.Empty with { Index = index });

        public override Task<ClusterState> ChangedAsync(long after, CancellationToken token) =>
            _state.WhenAsync(state => state.Index > after, token);
    }

    /// <summary>A leader that has applied this index; null: it has no quorum.</summary>
    private sealed class Answering(long? index) : CallInvoker
    {
        public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
        {
            var reply = index is { } known
                ? Task.FromResult((TResponse)(object)new BarrierReply { Index = known })
                : Task.FromException<TResponse>(new RpcException(new Status(StatusCode.Unavailable, "no quorum")));
            return new AsyncUnaryCall<TResponse>(
                reply, Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], () => { });
        }

        public override TResponse BlockingUnaryCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
            throw new NotSupportedException();

        public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
            throw new NotSupportedException();

        public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options) =>
            throw new NotSupportedException();

        public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options) =>
            throw new NotSupportedException();
    }
}
