using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Disk;
using Quorate.Rounds;
using static Quorate.Unit.Blobs.TestBlobs;

namespace Quorate.Unit.Blobs;

/// <summary>An update's file is overwritten once its round is over, unless the bytes may still be needed.</summary>
public sealed class ReusingTests : IDisposable
{
    private const int Length = 300_000;

    private static readonly UpdateRound _first = new(RunId.Parse("mnist"), 1), _second = _first with { Round = 2 };

    private readonly TestDirectory _directory = new();
    private readonly BlobStore _store;

    public ReusingTests() => _store = _directory.Store();

    private string Parts => Path.Combine(_directory.Root, "node", "parts");

    public void Dispose()
    {
        _store.Dispose();
        _directory.Dispose();
    }

    [Theory]
    [InlineData(Length)]
    [InlineData(Length / 2)]
    [InlineData(Length * 2)]
    public async Task The_next_update_takes_the_file_of_one_whose_round_is_over(int length)
    {
        var old = await BringAsync(Bytes(Length), _first);
        long inode = InodeOf(old);
        await OverAsync(_first);
        Assert.False(await _store.HasAsync(old, default));

        byte[] content = Bytes(length, seed: 2);
        var next = await BringAsync(content, _second);

        if (OperatingSystem.IsLinux()) Assert.Equal(inode, InodeOf(next));
        Assert.Equal(content, File.ReadAllBytes(_store.PathOf(next)));
        Assert.True(await _store.HasAsync(next, default));
        Assert.True(await _store.RehashAsync(next, default));
        Assert.Empty(Directory.GetFiles(Parts));
    }

    /// <summary>
    /// The collector deleted one blob while a round's updates were recycled, and each waited for the other's lock: the
    /// node stored and sent nothing any more.
    /// </summary>
    [Fact]
    public async Task A_blob_is_deleted_while_another_one_is_recycled()
    {
        var update = await BringAsync(Bytes(Length), _first);
        var idle = await BringAsync(Bytes(Length, seed: 2), _second);
        for (int step = 0; step <= BlobStore.KeptSteps; step++) _store.Step();
        Task<bool>? deleting = null;
        int asked = 0;
        var recycling = _store.ReuseAsync(HasEnded, () => new HashSet<BlobHash>(), default);

        await recycling.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System);
        Assert.True(await deleting!.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System));
        Assert.False(_store.Exists(update));
        Assert.False(_store.Exists(idle));

        bool HasEnded(UpdateRound round)
        {
            // The second question about the update is asked while its file is being recycled.
            if (round == _first && ++asked == 2)
            {
                deleting = Task.Run(() => _store.DeleteIdle(idle));
                deleting.Wait(TimeSpan.FromMilliseconds(200)); // It cannot end before the recycling does.
            }
            return round == _first;
        }
    }

    [Fact]
    public async Task A_blob_that_arrived_for_two_rounds_is_not_recycled()
    {
        var hash = await BringAsync(Bytes(Length), _first);
        _store.RecordPurpose(hash, _second); // Its sender is then told that the bytes are stored.
        await OverAsync(_first, _second);
        Assert.True(await _store.HasAsync(hash, default));
    }

    [Fact]
    public async Task A_blob_that_also_arrived_as_something_else_is_not_recycled()
    {
        var hash = await BringAsync(Bytes(Length), _first);
        _store.RecordPurpose(hash, null); // The mean of a single update is the update.
        await OverAsync(_first);
        Assert.True(await _store.HasAsync(hash, default));
    }

    [Fact]
    public async Task A_blob_that_was_here_before_its_purpose_was_recorded_is_not_recycled()
    {
        var hash = await _store.PutAsync(Bytes(Length));
        _store.RecordPurpose(hash, _first); // An earlier process may have acknowledged it for another round.
        await OverAsync(_first);
        Assert.True(await _store.HasAsync(hash, default));
    }

    [Fact]
    public async Task A_blob_that_the_state_names_is_not_recycled()
    {
        var hash = await BringAsync(Bytes(Length), _first);
        await _store.ReuseAsync(_ => true, () => new HashSet<BlobHash> { hash }, default);
        Assert.True(await _store.HasAsync(hash, default));
        await OverAsync(_first);
        Assert.False(await _store.HasAsync(hash, default));
    }

    [Fact]
    public async Task A_blob_that_is_being_read_is_not_recycled()
    {
        var hash = await BringAsync(Bytes(Length), _first);
        using (await _store.OpenAsync(hash, default))
            await OverAsync(_first);
        Assert.True(await _store.HasAsync(hash, default));
    }

    [Fact]
    public async Task A_broken_upload_into_a_recycled_file_continues_behind_its_own_bytes()
    {
        await BringAsync(Bytes(Length), _first);
        await OverAsync(_first);
        byte[] content = Bytes(Length, seed: 2);
        var hash = BlobHash.Of(content);
        using (var cut = await _store.BeginAsync(hash, Length, default)) cut!.Append(content.AsSpan(0, 1000));
        Assert.Equal(1000, _store.PartLength(hash));

        using var rest = await _store.BeginAsync(hash, Length, default);
        Assert.Equal(1000, rest!.Have);
        rest.Append(content.AsSpan(1000));
        Assert.True(await rest.CompleteAsync());
        Assert.Equal(content, File.ReadAllBytes(_store.PathOf(hash)));
    }

    [Fact]
    public async Task Bytes_with_another_hash_are_quarantined_without_the_old_ones_behind_them()
    {
        await BringAsync(Bytes(Length), _first);
        await OverAsync(_first);
        var hash = BlobHash.Of(Bytes(1000));
        using (var writer = await _store.BeginAsync(hash, 1000, default))
        {
            writer!.Append(Bytes(1000, seed: 2));
            Assert.False(await writer.CompleteAsync());
        }
        string bad = Assert.Single(Directory.GetFiles(Path.Combine(_directory.Root, "node", "quarantine")));
        Assert.Equal(Bytes(1000, seed: 2), File.ReadAllBytes(bad));
        Assert.Empty(Directory.GetFiles(Parts));
        Assert.Equal(hash, await _store.PutAsync(Bytes(1000)));
    }

    [Fact]
    public async Task Unused_recycled_files_are_deleted_after_the_next_round_and_after_a_restart()
    {
        await BringAsync(Bytes(Length), _first);
        await OverAsync(_first);
        Assert.Single(Directory.GetFiles(Parts));
        await OverAsync(_second);
        Assert.Empty(Directory.GetFiles(Parts));

        await BringAsync(Bytes(Length), _second);
        await OverAsync(_second);
        Assert.Single(Directory.GetFiles(Parts));
        using var again = _directory.Store();
        Assert.Empty(Directory.GetFiles(Parts));
    }

    [Fact]
    public async Task An_announced_update_that_never_arrives_leaves_nothing_behind()
    {
        for (int update = 0; update < 100; update++) _store.RecordPurpose(BlobHash.Of(Bytes(10, update)), _first);
        var came = await BringAsync(Bytes(Length), _first);
        Assert.Equal(101, _store.PurposeCount);
        _store.Step();
        Assert.Equal(1, _store.PurposeCount);
        await OverAsync(_first);
        Assert.False(await _store.HasAsync(came, default));
        Assert.Equal(0, _store.PurposeCount);
    }

    [Fact]
    public async Task A_full_disk_gets_room_from_recycled_files()
    {
        using var store = _directory.Store("short", o => o with { FreeBytesKept = 1000 }, disk: new OddDisk(s => s)
        {
            Free = path => Directory.GetFiles(path, "spare-*").Length > 0 ? 0 : 1 << 30,
        });
        byte[] content = Bytes(Length);
        store.RecordPurpose(BlobHash.Of(content), _first);
        await store.PutAsync(content);
        await store.ReuseAsync(round => round == _first, () => new HashSet<BlobHash>(), default);
        Assert.Equal(BlobHash.Of(Bytes(500)), await store.PutAsync(Bytes(500)));
    }

    private async Task<BlobHash> BringAsync(byte[] content, UpdateRound round)
    {
        _store.RecordPurpose(BlobHash.Of(content), round);
        return await _store.PutAsync(content);
    }

    private Task OverAsync(params UpdateRound[] rounds) =>
        _store.ReuseAsync(rounds.Contains, () => new HashSet<BlobHash>(), default);

    private long InodeOf(BlobHash hash)
    {
        using var file = File.OpenHandle(_store.PathOf(hash));
        return FileStamp.Of(file).Inode;
    }
}
