using Microsoft.Extensions.Logging.Abstractions;
using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Disk;
using Quorate.Rounds;

namespace Quorate.Unit.Blobs;

/// <summary>A directory that is deleted after the test.</summary>
internal sealed class TestDirectory : IDisposable
{
    public string Root { get; } = Directory.CreateTempSubdirectory("quorate-blobs-").FullName;

    public void Dispose() => Directory.Delete(Root, recursive: true);

    public BlobStore Store(string name = "node", Func<BlobStoreOptions, BlobStoreOptions>? change = null,
        TimeProvider? time = null, IDisk? disk = null)
    {
        var options = new BlobStoreOptions { Root = Path.Combine(Root, name), WriterWait = TimeSpan.FromMilliseconds(
            50) };
        return new BlobStore(change?.Invoke(options) ?? options, disk ?? new RealDisk(), time ?? TimeProvider.System,
            NullLogger<BlobStore>.Instance);
    }

    public string File(byte[] content)
    {
        string path = Path.Combine(Root, $"file-{BlobHash.Of(content).Short}");
        System.IO.File.WriteAllBytes(path, content);
        return path;
    }
}

internal static class TestBlobs
{
    public static byte[] Bytes(int length, int seed = 1)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    public static async Task<BlobHash> PutAsync(this BlobStore store, byte[] content)
    {
        var hash = BlobHash.Of(content);
        using var writer = await store.BeginAsync(hash, content.Length, default);
        writer!.Append(content);
        Assert.True(await writer.CompleteAsync());
        return hash;
    }

    /// <summary>Takes so many steps that every unused blob counts as old.</summary>
    public static void Grow(this BlobStore store)
    {
        for (int step = 0; step <= BlobStore.KeptSteps; step++) store.Step();
    }

    public static void Lose(this BlobStore store, BlobHash hash)
    {
        store.Grow();
        Assert.True(store.DeleteIdle(hash));
    }

    /// <summary>
    /// Flips one bit on the disk, as a bad disk does. The file's time is changed too, so the change is visible even
    /// within one tick of the file system's clock.
    /// </summary>
    public static void Flip(string path, int at = 0)
    {
        byte[] bytes = File.ReadAllBytes(path);
        bytes[at] ^= 1;
        File.WriteAllBytes(path, bytes);
        File.SetLastWriteTimeUtc(path, new DateTime(2001, 1, 1, 0, 0, 0, DateTimeKind.Utc));
    }
}
