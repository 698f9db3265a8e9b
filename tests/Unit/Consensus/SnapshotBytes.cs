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
}
