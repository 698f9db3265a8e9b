using Grpc.Core;
using Microsoft.Extensions.Time.Testing;
using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Driving;
using Quorate.Rounds;
using Quorate.Shared.Protocol;
using Quorate.Unit.Consensus;

namespace Quorate.Unit.Driving;

/// <summary>A follower that stood still knows who leads before it knows what was committed meanwhile.</summary>
public sealed class FreshStateTests
{
    private static readonly CancellationToken _over = new(canceled: true);
    private readonly FakeTimeProvider _time = new();
    private readonly Follower _log = new();

    [Fact]
    public async Task A_follower_waits_until_it_is_as_far_as_its_leader_was()
    {
        var reading = Fresh(new Answering(7)).ReadAsync(default);
        _log.Apply(6);
        Assert.False(reading.IsCompleted);
        _log.Apply(7);
        Assert.Equal(7, (await reading)!.Index);
    }

    [Fact]
    public async Task Without_a_leader_or_its_answer_nothing_is_known()
    {
        Assert.Null(await Fresh(new Answering(null)).ReadAsync(default));
        _log.Known = new Leadership(null, 3, _over);
        Assert.Null(await Fresh(new Answering(0)).ReadAsync(default));
    }

    [Fact]
    public async Task A_follower_that_does_not_get_there_gives_up()
    {
        var reading = Fresh(new Answering(7)).ReadAsync(default);
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Null(await reading);
    }

    [Fact]
    public async Task A_question_that_is_given_up_ends_as_given_up() =>
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

    /// <summary>A leader that is so far; null: it has none that follow it.</summary>
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
