using Quorate.Coordinator.Consensus.DotNext;
using Quorate.Rounds;
using Quorate.Unit.Rounds;

namespace Quorate.Unit.Consensus;

public sealed class SnapshotFileTests : IDisposable
{
    private readonly TemporaryDirectory _root = new();

    private DirectoryInfo Snapshots => new(_root.Path);

    [Fact]
    public async Task A_whole_snapshot_stays_and_reads_back()
    {
        var state = SomeState();
        var file = Write("5-1", await SnapshotBytes.OfAsync(state));
        Assert.Empty(SnapshotFile.PurgeBroken(Snapshots));
        Assert.Equal(StateCodec.Encode(state), StateCodec.Encode(SnapshotFile.Read(file)));
    }

    [Fact]
    public async Task A_long_trail_is_written_in_pieces_and_reads_back()
    {
        var scene = Scene.Prepared(Scene.Rules(rounds: 3_000, minTrainers: 1));
        scene.Join("anna").IsAccepted();
        for (int round = 1; round < 2_500; round++) scene.PlayRound(round, "anna");
        byte[] bytes = await SnapshotBytes.OfAsync(scene.State);
        Assert.InRange(bytes.Length, 2 * 65_536, 4 * 65_536);
        // One piece and the unpacked rounds; the library's writer would take 1.4 MB, the whole state.
        Assert.InRange(AllocatedBy(scene.State), 0, 100_000);
        var file = Write($"{scene.State.Index}-1", bytes);
        Assert.Empty(SnapshotFile.PurgeBroken(Snapshots));
        Assert.Equal(StateCodec.Encode(scene.State), StateCodec.Encode(SnapshotFile.Read(file)));
    }

    private static long AllocatedBy(ClusterState state)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        int count = 0;
        for (var pieces = StateCodec.Pieces(state); pieces.MoveNext();) count++;
        Assert.InRange(count, 2, 4);
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    [Fact]
    public async Task A_snapshot_torn_anywhere_is_purged()
    {
        byte[] whole = await SnapshotBytes.OfAsync(SomeState());
        for (int length = 0; length < whole.Length; length++) AssertPurged(whole[..length]);
        AssertPurged([.. whole, 0]);
    }

    [Fact]
    public async Task A_snapshot_with_any_bit_flipped_is_purged()
    {
        byte[] bytes = await SnapshotBytes.OfAsync(SomeState());
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] ^= (byte)(1 << (i % 8));
            AssertPurged(bytes);
            bytes[i] ^= (byte)(1 << (i % 8));
        }
    }

    [Fact]
    public async Task Left_over_temporary_files_are_purged_and_foreign_ones_are_not()
    {
        Write("k3j2h4.abc.tmp", [1, 2, 3]);
        Write("notes.txt", [1]);
        Write("no-index", await SnapshotBytes.OfAsync(SomeState()));
        Assert.Equal(["k3j2h4.abc.tmp", "no-index"], SnapshotFile.PurgeBroken(Snapshots).Order(StringComparer.Ordinal));
        Assert.Equal("notes.txt", Assert.Single(Snapshots.GetFiles()).Name);
    }

    [Fact]
    public async Task A_whole_snapshot_of_another_version_is_refused_and_kept()
    {
        byte[] bytes = await SnapshotBytes.OfAsync(SomeState());
        bytes[4] = 2;
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(
            bytes.AsSpan(^8..), System.IO.Hashing.XxHash3.HashToUInt64(bytes.AsSpan(..^8)));
        var file = Write("5-1", bytes);
        Assert.Empty(SnapshotFile.PurgeBroken(Snapshots));
        Assert.Contains("version 2", Assert.Throws<InvalidDataException>(() => SnapshotFile.Read(file)).Message,
            StringComparison.Ordinal);
    }

    /// <summary>The empty state of the first format, in the envelope that it has kept.</summary>
    [Fact]
    public void A_snapshot_of_an_earlier_format_is_refused_with_what_to_do()
    {
        var file = Write("0-1", SnapshotBytes.Of(OtherBuild.State(earlier: true)));
        Assert.Empty(SnapshotFile.PurgeBroken(Snapshots));
        Assert.StartsWith("This data directory was written by an earlier format",
            Assert.Throws<UnsupportedFormatException>(() => SnapshotFile.Read(file)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_snapshot_under_another_snapshots_name_is_refused()
    {
        var file = Write("6-1", await SnapshotBytes.OfAsync(SomeState()));
        Assert.Throws<InvalidDataException>(() => SnapshotFile.Read(file));
    }

    public void Dispose() => _root.Dispose();

    private void AssertPurged(byte[] bytes)
    {
        Write("5-1", bytes);
        Assert.Equal("5-1", Assert.Single(SnapshotFile.PurgeBroken(Snapshots)));
    }

    private FileInfo Write(string name, byte[] bytes)
    {
        var file = new FileInfo(Path.Combine(_root.Path, name));
        File.WriteAllBytes(file.FullName, bytes);
        return file;
    }

    private static ClusterState SomeState()
    {
        var command = Commands.Open();
        return RoundMachine.Apply(ClusterState.Empty, 5, command, Scene.Bytes(command)).State;
    }
}
