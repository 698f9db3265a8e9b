using Microsoft.Win32.SafeHandles;
using Quorate.Coordinator.Blobs;
using Quorate.Rounds;
using static Quorate.Unit.Blobs.TestBlobs;

namespace Quorate.Unit.Blobs;

public sealed class BlobStoreTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Nothing_is_in_blobs_before_a_blob_is_complete()
    {
        using var store = _directory.Store();
        byte[] content = Bytes(600_000);
        var hash = BlobHash.Of(content);
        using var writer = await store.BeginAsync(hash, content.Length, default);
        writer!.Append(content.AsSpan(0, 599_999));
        Assert.False(store.Exists(hash));
        Assert.False(await store.HasAsync(hash, default));
        writer.Append(content.AsSpan(599_999));
        Assert.False(store.Exists(hash));
        Assert.True(await writer.CompleteAsync());
        Assert.True(await store.HasAsync(hash, default));
        Assert.Equal(content, File.ReadAllBytes(store.PathOf(hash)));
        Assert.Empty(store.ListParts());
        Assert.Equal([hash], store.List().Select(blob => blob.Hash));
    }

    [Fact]
    public async Task An_unfinished_blob_survives_a_restart_and_is_continued()
    {
        byte[] content = Bytes(600_000);
        var hash = BlobHash.Of(content);
        using (var store = _directory.Store())
        using (var writer = await store.BeginAsync(hash, content.Length, default))
            writer!.Append(content.AsSpan(0, 400_000));

        using var again = _directory.Store();
        Assert.Equal(400_000, again.PartLength(hash));
        using var rest = await again.BeginAsync(hash, content.Length, default);
        Assert.Equal(400_000, rest!.Have);
        rest.Append(content.AsSpan(400_000));
        Assert.True(await rest.CompleteAsync());
        Assert.True(await again.HasAsync(hash, default));
    }

    [Fact]
    public async Task A_blob_is_found_and_verified_after_a_restart_and_drafts_are_gone()
    {
        BlobHash hash;
        string draft;
        using (var store = _directory.Store())
        {
            hash = await store.PutAsync(Bytes(1000));
            draft = store.NewDraft();
            File.WriteAllBytes(draft, Bytes(10));
        }
        using var again = _directory.Store();
        Assert.True(await again.HasAsync(hash, default));
        Assert.False(File.Exists(draft));
    }

    [Fact]
    public async Task Bytes_with_another_hash_are_quarantined_and_the_next_attempt_starts_clean()
    {
        using var store = _directory.Store();
        var hash = BlobHash.Of(Bytes(1000));
        using (var writer = await store.BeginAsync(hash, 1000, default))
        {
            writer!.Append(Bytes(1000, seed: 2));
            Assert.False(await writer.CompleteAsync());
        }
        Assert.False(await store.HasAsync(hash, default));
        Assert.Equal(0, store.PartLength(hash));
        Assert.Single(Directory.GetFiles(Path.Combine(_directory.Root, "node", "quarantine")));
        Assert.Equal(hash, await store.PutAsync(Bytes(1000)));
    }

    [Fact]
    public async Task A_blob_that_changed_on_the_disk_is_quarantined_when_it_is_read()
    {
        using var store = _directory.Store();
        var hash = await store.PutAsync(Bytes(1000));
        Flip(store.PathOf(hash));
        Assert.Null(await store.OpenAsync(hash, default));
        Assert.False(store.Exists(hash));
        await store.PutAsync(Bytes(1000));
        Assert.True(await store.HasAsync(hash, default));
    }

    [Fact]
    public async Task A_flipped_bit_is_found_by_hashing_again()
    {
        using var store = _directory.Store();
        var hash = await store.PutAsync(Bytes(1000));
        string path = store.PathOf(hash);
        Flip(path);
        Assert.False(await store.RehashAsync(hash, default));
        Assert.Single(Directory.GetFiles(Path.Combine(_directory.Root, "node", "quarantine")));
    }

    [Fact]
    public async Task A_rotten_blob_counts_as_lost_after_a_restart_too_until_it_is_stored_again()
    {
        BlobHash hash;
        using (var store = _directory.Store())
        {
            hash = await store.PutAsync(Bytes(1000));
            Assert.False(store.HasLost(hash));
            Flip(store.PathOf(hash));
            Assert.False(await store.HasAsync(hash, default));
            Assert.True(store.HasLost(hash));
        }
        using var again = _directory.Store();
        Assert.True(again.HasLost(hash));
        await again.PutAsync(Bytes(1000));
        Assert.False(again.HasLost(hash));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Readers_that_wait_for_a_rotten_blob_get_the_good_copy_that_arrives_or_none(bool pulled)
    {
        var hash = await RottenAsync();
        List<Task<SafeFileHandle?>> waiting = [];
        BlobStore? store = null;
        var disk = new OddDisk(stamp =>
        {
            // The first reader is hashing now.
            while (waiting.Count < 3) waiting.Add(store!.OpenAsync(hash, default));
            return stamp;
        });
        using (store = _directory.Store(disk: disk))
        {
            if (pulled) store.FoundBad += () => store.PutAsync(Bytes(1000)).Wait();
            Assert.Null(await store.OpenAsync(hash, default));
            foreach (var reader in waiting)
            {
                using var file = await reader;
                Assert.Equal(pulled, file is not null);
            }
            Assert.Equal((!pulled, pulled), (store.HasLost(hash), store.Exists(hash)));
        }
        Assert.Single(Directory.GetFiles(Path.Combine(_directory.Root, "node", "quarantine")));
    }

    [Fact]
    public async Task A_good_copy_that_takes_the_name_while_a_rotten_one_is_hashed_stays()
    {
        if (!OperatingSystem.IsLinux()) return;
        var hash = await RottenAsync();
        string good = _directory.File(Bytes(1000));
        BlobStore? store = null;
        var disk = new OddDisk(stamp =>
        {
            if (File.Exists(good)) File.Move(good, store!.PathOf(hash), overwrite: true);
            return stamp;
        });
        using (store = _directory.Store(disk: disk))
        {
            Assert.False(await store.HasAsync(hash, default));
            Assert.False(store.HasLost(hash));
            Assert.True(await store.HasAsync(hash, default));
        }
        Assert.Empty(Directory.GetFiles(Path.Combine(_directory.Root, "node", "quarantine")));
    }

    [Fact]
    public async Task The_quarantine_keeps_the_newest_few()
    {
        using var store = _directory.Store(change: o => o with { QuarantinedMax = 2 });
        for (int seed = 1; seed <= 5; seed++)
        {
            var hash = await store.PutAsync(Bytes(100, seed));
            Flip(store.PathOf(hash));
            Assert.False(await store.HasAsync(hash, default));
        }
        Assert.Equal(2, Directory.GetFiles(Path.Combine(_directory.Root, "node", "quarantine")).Length);
    }

    [Fact]
    public async Task A_second_writer_of_a_blob_is_turned_away_until_the_first_one_ends()
    {
        using var store = _directory.Store();
        var hash = BlobHash.Of(Bytes(10));
        using (var first = await store.BeginAsync(hash, 10, default))
        {
            Assert.NotNull(first);
            Assert.Null(await store.BeginAsync(hash, 10, default));
        }
        using var second = await store.BeginAsync(hash, 10, default);
        Assert.NotNull(second);
    }

    /// <summary>Whoever knew a blob's name, such as a predictable model's, could keep others from writing it.</summary>
    [Fact]
    public async Task A_slow_writer_leaves_when_another_one_waits_and_its_bytes_stay()
    {
        using var store = _directory.Store();
        var hash = BlobHash.Of(Bytes(10));
        var slow = await store.BeginAsync(hash, 10, default);
        slow!.Evict = slow.Dispose;
        slow.Append(Bytes(10).AsSpan(0, 4));

        using var second = await store.BeginAsync(hash, 10, default);

        Assert.Equal(4, second!.Have);
    }

    [Fact]
    public async Task A_waiting_writer_continues_when_the_first_one_ends()
    {
        using var store = _directory.Store(change: o => o with { WriterWait = TimeSpan.FromMinutes(1) });
        var hash = BlobHash.Of(Bytes(10));
        var first = await store.BeginAsync(hash, 10, default);
        first!.Append(Bytes(10).AsSpan(0, 4));
        var waiting = store.BeginAsync(hash, 10, default);
        Assert.False(waiting.IsCompleted);
        first.Dispose();
        using var second = await waiting;
        Assert.Equal(4, second!.Have);
    }

    [Fact]
    public async Task A_full_disk_is_reported_in_one_sentence_and_nothing_is_kept()
    {
        if (!OperatingSystem.IsLinux()) return;
        using var store = _directory.Store();
        var hash = BlobHash.Of(Bytes(1000));
        string part = Path.Combine(_directory.Root, "node", "parts", hash.ToString());
        File.CreateSymbolicLink(part, "/dev/full");
        using (var writer = await store.BeginAsync(hash, 1000, default))
        {
            var fault = Assert.Throws<StoreFullException>(() => writer!.Append(Bytes(1000)));
            Assert.Contains(hash.Short, fault.Message, StringComparison.Ordinal);
        }
        Assert.False(File.Exists(part));
    }

    [Fact]
    public async Task A_blob_that_cannot_fit_is_refused_before_its_first_byte()
    {
        using var store = _directory.Store(change: o => o with { FreeBytesKept = long.MaxValue / 2 });
        await Assert.ThrowsAsync<StoreFullException>(() => store.BeginAsync(BlobHash.Of(Bytes(10)), 10, default));
    }

    [Fact]
    public async Task Unfinished_blobs_are_bounded_and_idle_ones_make_room()
    {
        using var store = _directory.Store(change: o => o with { UnfinishedBytesMax = 1000 });
        var idle = BlobHash.Of(Bytes(600, 1));
        using (var writer = await store.BeginAsync(idle, 600, default)) writer!.Append(Bytes(600, 1).AsSpan(0, 500));
        using var busy = await store.BeginAsync(BlobHash.Of(Bytes(700, 2)), 700, default);
        Assert.Equal(0, store.PartLength(idle));
        await Assert.ThrowsAsync<StoreFullException>(() => store.BeginAsync(BlobHash.Of(Bytes(700, 3)), 700, default));
    }

    [Theory]
    [InlineData(100L << 20, 64L << 20)] // A small disk must be usable.
    [InlineData(1L << 30, 256L << 20)]
    [InlineData(8L << 30, 512L << 20)]
    [InlineData(100L << 30, 5L << 30)]
    [InlineData(1L << 40, 10L << 30)]
    public void Uploads_stop_at_a_share_of_the_disk_within_bounds(long disk, long mark) =>
        Assert.Equal(mark, BlobStoreOptions.UploadMark(disk));

    [Fact]
    public async Task Below_the_upload_mark_uploads_are_refused_and_blobs_of_the_state_are_stored()
    {
        long free = 512L << 20;
        using var store = _directory.Store(disk: new OddDisk(s => s) { Free = _ => free, Total = 8L << 30 });
        var hash = BlobHash.Of(Bytes(10));
        await Assert.ThrowsAsync<StoreFullException>(() => store.BeginAsync(hash, 10, default, uploaded: true));
        using (var pulled = await store.BeginAsync(hash, 10, default)) Assert.NotNull(pulled);
        free += 10;
        using var upload = await store.BeginAsync(hash, 10, default, uploaded: true);
        Assert.NotNull(upload);
    }

    [Fact]
    public async Task Room_reserved_for_one_writer_is_not_given_to_another()
    {
        using var store = _directory.Store(
            change: o => o with { FreeBytesKept = 0 }, disk: new OddDisk(s => s) { Free = _ => 1000, Total = 1000 });
        using (await store.BeginAsync(BlobHash.Of(Bytes(1)), 600, default))
            await Assert.ThrowsAsync<StoreFullException>(() => store.BeginAsync(BlobHash.Of(Bytes(2)), 600, default));
        using var second = await store.BeginAsync(BlobHash.Of(Bytes(2)), 600, default);
        Assert.NotNull(second);
    }

    [Fact]
    public async Task Unfinished_blobs_are_bounded_in_number_and_the_oldest_makes_room()
    {
        using var store = _directory.Store(change: o => o with { UnfinishedCountMax = 3 });
        for (int seed = 1; seed <= 5; seed++) await LeaveAsync(store, seed);
        Assert.Equal(
            [0, 0, 1, 1, 1], Enumerable.Range(1, 5).Select(seed => store.PartLength(BlobHash.Of(Bytes(2, seed)))));
        await LeaveAsync(store, 3); // The oldest one is used, so the next one is deleted.
        await LeaveAsync(store, 6);
        Assert.Equal(0, store.PartLength(BlobHash.Of(Bytes(2, 4))));
        Assert.Equal(1, store.PartLength(BlobHash.Of(Bytes(2, 3))));

        static async Task LeaveAsync(BlobStore store, int seed)
        {
            byte[] content = Bytes(2, seed);
            using var writer = await store.BeginAsync(BlobHash.Of(content), 2, default);
            if (writer!.Have == 0) writer.Append(content.AsSpan(0, 1));
        }
    }

    [Fact]
    public async Task A_draft_becomes_a_blob_under_its_hash()
    {
        using var store = _directory.Store();
        byte[] content = Bytes(5000);
        string draft = store.NewDraft();
        File.WriteAllBytes(draft, content);
        using var model = await store.DraftAsync(draft, default);
        Assert.Equal((BlobHash.Of(content), 5000L), (model.Hash, model.Length));
        await store.AdoptAsync(model, default);
        Assert.True(await store.HasAsync(model.Hash, default));
        Assert.False(File.Exists(draft));
    }
    /// <summary>What is on the disk of a node that is about to start.</summary>
    private async Task<BlobHash> RottenAsync()
    {
        using var store = _directory.Store();
        var hash = await store.PutAsync(Bytes(1000));
        Flip(store.PathOf(hash));
        return hash;
    }
}
