using System.Buffers.Binary;
using System.IO.Hashing;
using DotNext.IO;
using Quorate.Coordinator.Consensus.DotNext;
using Quorate.Rounds;

namespace Quorate.Unit.Consensus;

/// <summary>The bytes of a snapshot file.</summary>
internal static class SnapshotBytes
{
    public static async Task<byte[]> OfAsync(ClusterState state)
    {
        using var file = new MemoryStream();
        await SnapshotFile.WriteAsync(state, IAsyncBinaryWriter.Create(file, new byte[4096]), default);
        return file.ToArray();
    }

    /// <summary>A sound file around any bytes of a state.</summary>
    public static byte[] Of(byte[] state)
    {
        byte[] file = [.. "QCSP"u8, 1, 0, 0, 0, .. BitConverter.GetBytes((long)state.Length), .. state, .. new byte[8]];
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(^8..), XxHash3.HashToUInt64(file.AsSpan(..^8)));
        return file;
    }
}
