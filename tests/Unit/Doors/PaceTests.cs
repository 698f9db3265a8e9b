using Grpc.Core;
using Microsoft.Extensions.Time.Testing;
using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Doors;
using Quorate.Shared.Transfer;

namespace Quorate.Unit.Doors;

/// <summary>How fast heartbeats are read, and how slow an upload may be.</summary>
public sealed class PaceTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task Heartbeats_beyond_the_burst_are_read_no_faster_than_the_interval()
    {
        var pace = new HeartbeatPace(_time);
        for (int i = 0; i < HeartbeatPace.Burst; i++) Assert.True(pace.WaitAsync(default).IsCompleted);
        var late = pace.WaitAsync(default);
        Assert.False(late.IsCompleted);
        _time.Advance(HeartbeatPace.Interval);
        await late.WaitAsync(TimeSpan.FromSeconds(60));

        _time.Advance(TimeSpan.FromMinutes(1));

        for (int i = 0; i < HeartbeatPace.Burst; i++) Assert.True(pace.WaitAsync(default).IsCompleted);
        Assert.False(pace.WaitAsync(default).IsCompleted);
    }

    [Fact]
    public async Task A_sender_of_a_byte_every_few_seconds_is_cut_and_one_at_the_least_rate_is_not()
    {
        var trickle = new PacedParts(new Parts(1, () => _time.Advance(TimeSpan.FromSeconds(18))), () => true, _time);
        Assert.True(await trickle.MoveNext(default));
        await Assert.ThrowsAsync<InvalidDataException>(() => trickle.MoveNext(default));

        var slow = new PacedParts(
            new Parts((int)PacedParts.LeastBytesPerSecond, () => _time.Advance(TimeSpan.FromSeconds(1))), () => true,
            _time);
        for (int i = 0; i < 1000; i++) Assert.True(await slow.MoveNext(default));
    }

    [Fact]
    public async Task An_upload_that_is_no_longer_wanted_ends_at_its_next_part()
    {
        bool wanted = true;
        var parts = new PacedParts(new Parts(100, () => { }), () => wanted, _time);
        Assert.True(await parts.MoveNext(default));
        wanted = false;
        var fault = await Assert.ThrowsAsync<InvalidDataException>(() => parts.MoveNext(default));
        Assert.Equal("The round is over.", fault.Message);
    }

    /// <summary>Endless parts; an action runs before each.</summary>
    private sealed class Parts(int bytes, Action before) : IAsyncStreamReader<Part>
    {
        public Part Current { get; private set; } = Part.Rent(0);

        public Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            before();
            Current.Dispose();
            Current = Part.Rent(bytes);
            Current.Fill(0, bytes);
            return Task.FromResult(true);
        }
    }
}
