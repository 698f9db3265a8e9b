using Quorate.Rounds;

namespace Quorate.Coordinator.Blobs;

/// <summary>
/// A model as a file of its own, made here and not yet a blob: <see cref="Replication.AdoptAsync"/> makes it one.
/// Dispose removes what is left of it.
/// </summary>
/// <param name="Path">From <see cref="BlobStore.NewDraft"/>.</param>
public sealed record ModelDraft(string Path, BlobHash Hash, long Length) : IDisposable
{
    public void Dispose() => File.Delete(Path);
}
