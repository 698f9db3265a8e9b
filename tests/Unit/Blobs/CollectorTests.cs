using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Quorate.Coordinator.Blobs;
using Quorate.Rounds;
using static Quorate.Unit.Blobs.TestBlobs;

namespace Quorate.Unit.Blobs;

public sealed class CollectorTests : IDisposable
{
    private static readonly TimeSpan _grace = TimeSpan.FromMinutes(10);
    private readonly TestDirectory _directory = new();
    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Unreferenced_blobs_are_deleted_after_the_grace_and_referenced_ones_stay()
    {
        using var store = _directory.Store(time: _time);
        var kept = await store.PutAsync(Bytes(10, 1));
        var loose = await store.PutAsync(Bytes(10, 2));
        var part = BlobHash.Of(Bytes(10, 3));
        using (var writer = await store.BeginAsync(part, 10, default)) writer!.Append(Bytes(5, 3));

        var collector = Collector(store, new HashSet<BlobHash> { kept });
        Assert.Equal(0, await collector.PassAsync(default));
        store.Grow();
        Assert.Equal(2, await collector.PassAsync(default));
        Assert.True(store.Exists(kept));
        Assert.False(store.Exists(loose));
        Assert.Equal(0, store.PartLength(part));
    }

    [Fact]
    public async Task Nothing_is_deleted_while_the_references_are_unknown()
    {
        using var store = _directory.Store(time: _time);
        var loose = await store.PutAsync(Bytes(10));
        store.Grow();
        Assert.Equal(0, await Collector(store, null).PassAsync(default));
        Assert.True(store.Exists(loose));
    }

    [Fact]
    public async Task Blobs_that_were_used_recently_or_are_being_written_stay()
    {
        using var store = _directory.Store(time: _time);
        var asked = await store.PutAsync(Bytes(10, 1));
        var part = BlobHash.Of(Bytes(10, 3));
        using var writer = await store.BeginAsync(part, 10, default);
        writer!.Append(Bytes(5, 3));
        store.Grow();
        Assert.True(await store.HasAsync(asked, default));
        Assert.Equal(0, await Collector(store, new HashSet<BlobHash>()).PassAsync(default));
        Assert.True(store.Exists(asked));
        Assert.Equal(5, store.PartLength(part));
    }

    [Fact]
    public async Task Neither_a_clock_that_jumps_nor_a_stopped_process_makes_a_blob_old()
    {
        using var store = _directory.Store(time: _time);
        var loose = await store.PutAsync(Bytes(10));
        _time.AdjustTime(_time.GetUtcNow() + TimeSpan.FromDays(1));
        store.Step(); // However long it was paused, this is only one step.
        Assert.Equal(0, await Collector(store, []).PassAsync(default));
        Assert.True(store.Exists(loose));
    }

    [Fact]
    public async Task The_collector_runs_by_itself_and_deletes_old_blobs()
    {
        using var store = _directory.Store(time: _time);
        var loose = await store.PutAsync(Bytes(10));
        using var collector = Collector(store, []);
        await collector.StartAsync(default);
        for (int step = 0; step < 100 && store.Exists(loose); step++)
        {
            _time.Advance(_grace / BlobStore.KeptSteps);
            await Task.Delay(10);
        }
        await collector.StopAsync(default);
        Assert.False(store.Exists(loose));
    }

    private Collector Collector(BlobStore store, HashSet<BlobHash>? kept) => new(
        store, _ => ValueTask.FromResult<IReadOnlySet<BlobHash>?>(kept),
        new BlobStoreOptions { Root = "", CollectAfter = _grace }, _time, NullLogger<Collector>.Instance);
}
