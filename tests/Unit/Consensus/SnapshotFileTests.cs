using Quorate.Coordinator.Consensus;
using Quorate.Rounds;

namespace Quorate.Unit.Consensus;

public sealed class SnapshotFileTests : IDisposable
{
    private readonly TemporaryDirectory _root = new();

    private DirectoryInfo Snapshots => new(_root.Path);

    [Fact]
    public void A_whole_snapshot_stays_and_reads_back()
    {
        var state = SomeState();
        var file = Write("5-1", SnapshotFile.Encode(state));
        Assert.Empty(SnapshotFile.PurgeBroken(Snapshots));
        Assert.Equal(StateCodec.Encode(state), StateCodec.Encode(SnapshotFile.Read(file)));
    }

    [Fact]
    public void A_snapshot_torn_anywhere_is_purged()
    {
        byte[] whole = SnapshotFile.Encode(SomeState());
        for (int length = 0; length < whole.Length; length++) AssertPurged(whole[..length]);
        AssertPurged([.. whole, 0]);
    }

    [Fact]
    public void A_snapshot_with_any_bit_flipped_is_purged()
    {
        byte[] bytes = SnapshotFile.Encode(SomeState());
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] ^= (byte)(1 << (i % 8));
            AssertPurged(bytes);
            bytes[i] ^= (byte)(1 << (i % 8));
        }
    }

    [Fact]
    public void Left_over_temporary_files_are_purged_and_foreign_ones_are_not()
    {
        Write("k3j2h4.abc.tmp", [1, 2, 3]);
        Write("notes.txt", [1]);
        Write("no-index", SnapshotFile.Encode(SomeState()));
        Assert.Equal(["k3j2h4.abc.tmp", "no-index"], SnapshotFile.PurgeBroken(Snapshots).Order(StringComparer.Ordinal));
        Assert.Equal("notes.txt", Assert.Single(Snapshots.GetFiles()).Name);
    }

    [Fact]
    public void A_whole_snapshot_of_another_version_is_refused_and_kept()
    {
        byte[] bytes = SnapshotFile.Encode(SomeState());
        bytes[4] = 2;
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(
            bytes.AsSpan(^8..), System.IO.Hashing.XxHash3.HashToUInt64(bytes.AsSpan(..^8)));
        var file = Write("5-1", bytes);
        Assert.Empty(SnapshotFile.PurgeBroken(Snapshots));
        Assert.Contains("version 2", Assert.Throws<InvalidDataException>(() => SnapshotFile.Read(file)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_snapshot_under_another_snapshots_name_is_refused()
    {
        var file = Write("6-1", SnapshotFile.Encode(SomeState()));
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
        return RoundMachine.Apply(ClusterState.Empty, 5, command, CommandCodec.Encode(command)).State;
    }
}
