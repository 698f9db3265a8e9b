using DotNext.IO;
using DotNext.IO.Log;
using DotNext.Net.Cluster.Consensus.Raft;
using Quorate.Rounds;

namespace Quorate.Unit.Consensus;

/// <summary>A leader's snapshot on its way to a follower; it arrives in two halves with a pause between.</summary>
internal sealed class SentSnapshot : IRaftLogEntry
{
    private readonly byte[] _bytes;

    private SentSnapshot(byte[] bytes) => _bytes = bytes;

    public static async Task<SentSnapshot> OfAsync(long index) =>
        new(await SnapshotBytes.OfAsync(ClusterState.Empty with { Index = index }));

    public long Term => 1;

    bool ILogEntry.IsSnapshot => true;

    bool IDataTransferObject.IsReusable => true;

    long? IDataTransferObject.Length => _bytes.Length;

    async ValueTask IDataTransferObject.WriteToAsync<TWriter>(TWriter writer, CancellationToken token)
    {
        int half = _bytes.Length / 2;
        await writer.WriteAsync(_bytes.AsMemory(0, half), lengthFormat: null, token);
        await Task.Delay(10, token);
        await writer.WriteAsync(_bytes.AsMemory(half), lengthFormat: null, token);
    }
}
