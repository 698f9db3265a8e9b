using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Quorate.Coordinator.Disk;

namespace Quorate.Unit.Disk;

public sealed partial class PageCacheTests : IDisposable
{
    private const int Length = 1 << 20;

    /// <summary>Beside the tests, not with the temporary files, which may be in memory only.</summary>
    private readonly string _path = Path.Combine(AppContext.BaseDirectory, $"{Guid.NewGuid():N}.bin");

    [Fact]
    public void What_is_on_the_disk_leaves_the_memory_and_is_read_again_from_there()
    {
        if (!OperatingSystem.IsLinux()) return;
        byte[] content = new byte[Length];
        new Random(1).NextBytes(content);
        File.WriteAllBytes(_path, content);
        using var file = File.OpenHandle(_path, FileMode.Open, FileAccess.ReadWrite);
        RandomAccess.FlushToDisk(file);
        Assert.Equal(PagesOf(content), PagesInMemory());

        PageCache.Forget(file);

        Assert.Equal(0, PagesInMemory());
        Assert.Equal(content, File.ReadAllBytes(_path));
    }

    public void Dispose() => File.Delete(_path);

    private static int PagesOf(byte[] content) => content.Length / Environment.SystemPageSize;

    private int PagesInMemory()
    {
        using var map = MemoryMappedFile.CreateFromFile(
            _path, FileMode.Open, mapName: null, capacity: 0, MemoryMappedFileAccess.Read);
        using var view = map.CreateViewAccessor(0, Length, MemoryMappedFileAccess.Read);
        byte[] pages = new byte[Length / Environment.SystemPageSize];
        Assert.Equal(0, InCore(view.SafeMemoryMappedViewHandle, Length, pages));
        return pages.Count(page => (page & 1) != 0);
    }

    [LibraryImport("libc", EntryPoint = "mincore")]
    private static partial int InCore(SafeMemoryMappedViewHandle address, nuint length, byte[] pages);
}
