using Quorate.Rounds;

namespace Quorate.Coordinator.Blobs;

/// <summary>A file of the store: its name, bytes, and when it was last written.</summary>
public readonly record struct StoredBlob(BlobHash Hash, long Length, DateTimeOffset WrittenAt);
