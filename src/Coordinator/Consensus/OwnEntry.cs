using DotNext.IO;
using DotNext.IO.Log;
using DotNext.Net.Cluster.Consensus.Raft;

namespace Quorate.Coordinator.Consensus;

/// <summary>
/// An entry that this node writes on its own account, as its leader. It is admitted at the last moment: the log asks
/// for the bytes under its append lock, and after that no entry of another leader can come in between.
/// </summary>
internal readonly struct OwnEntry : IInputLogEntry
{
    public required ReadOnlyMemory<byte> Content { get; init; }

    public required long Term { get; init; }

    /// <summary>The empty entry of a leader just elected.</summary>
    public required bool OpensTerm { get; init; }

    /// <summary>Whether the entry may still be written. Called under the append lock.</summary>
    public required Func<OwnEntry, bool> Admit { get; init; }

    public object? Context { get; init; }

    bool ILogEntry.IsSnapshot => false;

    long? IDataTransferObject.Length => Content.Length;

    bool IDataTransferObject.IsReusable => false;

    /// <summary>Not a view of memory: the log would copy it without asking.</summary>
    bool IDataTransferObject.TryGetMemory(out ReadOnlyMemory<byte> memory)
    {
        memory = default;
        return false;
    }

    ValueTask IDataTransferObject.WriteToAsync<TWriter>(TWriter writer, CancellationToken token) => Admit(this)
        ? writer.WriteAsync(Content, lengthFormat: null, token)
        : ValueTask.FromException(new DotNext.Net.Cluster.Consensus.Raft.NotLeaderException());
}
