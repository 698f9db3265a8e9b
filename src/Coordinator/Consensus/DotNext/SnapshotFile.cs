using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.IO.Hashing;
using DotNext.IO;
using Quorate.Coordinator.Disk;
using Quorate.Rounds;

namespace Quorate.Coordinator.Consensus.DotNext;

/// <summary>
/// The envelope of a snapshot: magic (4 bytes), version (4), length of the state (8), the encoded state, XxHash3 of all
/// before it (8); little-endian. The library gives an interrupted installation its final name too, so only the envelope
/// tells a complete snapshot from an incomplete one.
/// </summary>
internal static class SnapshotFile
{
    private const uint Magic = 0x50534351; // "QCSP"
    private const int Version = 1;
    private const int HeaderBytes = 16;
    private const int TrailerBytes = 8;

    /// <summary>
    /// Largest snapshot read. 16 runs with 20,000 trainers and 100,000 rounds each take about 400 MB; a larger file is
    /// not ours.
    /// </summary>
    private const long BytesMax = 1L << 30;

    /// <summary>
    /// Writes the snapshot in pieces: with a long trail, one array would be a large object. The state is encoded twice,
    /// because its length precedes it.
    /// </summary>
    public static async ValueTask WriteAsync(ClusterState state, IAsyncBinaryWriter file, CancellationToken token)
    {
        long length = 0;
        for (var pieces = StateCodec.Pieces(state); pieces.MoveNext();) length += pieces.Current.Length;
        var hash = new XxHash3();
        byte[] frame = new byte[HeaderBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(frame, Magic);
        BinaryPrimitives.WriteInt32LittleEndian(frame.AsSpan(4), Version);
        BinaryPrimitives.WriteInt64LittleEndian(frame.AsSpan(8), length);
        hash.Append(frame);
        await file.Invoke(frame, token);
        for (var pieces = StateCodec.Pieces(state); pieces.MoveNext();)
        {
            hash.Append(pieces.Current.Span);
            await file.Invoke(pieces.Current, token);
        }
        BinaryPrimitives.WriteUInt64LittleEndian(frame, hash.GetCurrentHashAsUInt64());
        await file.Invoke(frame.AsMemory(0, TrailerBytes), token);
    }

    /// <exception cref="InvalidDataException">The file is incomplete, damaged, of another version, or not a snapshot.
    /// </exception>
    /// <exception cref="UnsupportedFormatException">Another build wrote the state.</exception>
    public static ClusterState Read(FileInfo file)
    {
        if (file.Length > BytesMax) throw new InvalidDataException($"The snapshot {file.Name} is too large.");
        byte[] bytes = File.ReadAllBytes(file.FullName);
        if (IsDamaged(bytes, out string? damage)) throw new InvalidDataException($"The snapshot {file.Name} {damage}.");
        if (BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(4)) is var version and not Version)
            throw new InvalidDataException(
                $"The snapshot {file.Name} has version {version}; this program knows {Version}.");
        var state = StateCodec.Decode(bytes.AsSpan(HeaderBytes, bytes.Length - HeaderBytes - TrailerBytes));
        return IndexOf(file) == state.Index
            ? state
            : throw new InvalidDataException($"The snapshot {file.Name} holds the state of index {state.Index}.");
    }

    /// <summary>
    /// Deletes temporary files and damaged snapshots, and returns their names. A complete snapshot of another version
    /// stays, and <see cref="Read"/> refuses it. An incomplete <em>installed</em> snapshot is newer than the log, so
    /// deleting it loses nothing: the leader sends it again. If the log before a damaged snapshot was compacted, the
    /// log's verification finds the gap and the node refuses to start.
    /// </summary>
    public static IReadOnlyList<string> PurgeBroken(DirectoryInfo directory)
    {
        var purged = new List<string>();
        if (!directory.Exists) return purged;
        foreach (var file in directory.GetFiles())
        {
            if (file.Extension != ".tmp" && !file.Name.Contains('-')) continue; // not a name the library uses
            if (IndexOf(file) >= 0 && file.Length <= BytesMax && !IsDamaged(File.ReadAllBytes(file.FullName), out _))
                continue;
            file.Delete();
            purged.Add(file.Name);
        }
        if (purged.Count > 0) DurableDirectory.Flush(directory.FullName);
        return purged;
    }

    private static bool IsDamaged(ReadOnlySpan<byte> file, [NotNullWhen(true)] out string? how)
    {
        how = file.Length < HeaderBytes + TrailerBytes ? "is cut off"
            : BinaryPrimitives.ReadUInt32LittleEndian(file) != Magic ? "is not a snapshot of Quorate"
            : BinaryPrimitives.ReadInt64LittleEndian(file[8..]) != file.Length - HeaderBytes - TrailerBytes
                ? "is cut off"
            : BinaryPrimitives.ReadUInt64LittleEndian(file[^TrailerBytes..])
                != XxHash3.HashToUInt64(file[..^TrailerBytes]) ? "is damaged: its hash is wrong"
            : null;
        return how is not null;
    }

    /// <summary>The library names snapshots <c>index-term</c>; -1 for any other name.</summary>
    private static long IndexOf(FileInfo file)
    {
        string[] parts = file.Name.Split('-');
        return parts.Length == 2 && ulong.TryParse(parts[1], out _) && long.TryParse(parts[0], out long index)
            ? index
            : -1;
    }
}
