using Microsoft.Win32.SafeHandles;
using Quorate.Coordinator.Disk;
using Quorate.Simulation.World;

namespace Quorate.Simulation.Disk;

/// <summary>
/// One process's access to its node's disk. Blocking calls take simulated time before and after the work, so a machine
/// can die before a flush, or after a rename but before its answer. A dead machine changes nothing.
/// </summary>
internal sealed class SimulatedDisk(NodeDisk disk, Machine machine) : IDisk
{
    // Linux's error number for a full disk (ENOSPC), as .NET reports it.
    private const int NoSpace = 28;

    public async Task<T> RunAsync<T>(Func<T> work, CancellationToken token)
    {
        await machine.DelayAsync(disk.Delay());
        token.ThrowIfCancellationRequested();
        try
        {
            return work();
        }
        finally
        {
            await machine.DelayAsync(disk.Delay());
        }
    }

    public void CreateDirectory(string path) => disk.CreateDirectory(path);

    public void Write(SafeFileHandle file, string path, ReadOnlySpan<byte> data, long offset)
    {
        if (!Lives()) return;
        if (disk.IsFull)
        {
            machine.World.Trace.Mark("no space left");
            throw new IOException("No space left on the simulated device.", NoSpace);
        }
        RandomAccess.Write(file, data, offset);
        disk.Wrote(path, offset, machine.Time.GetUtcNow());
    }

    public void Flush(SafeFileHandle file, string path)
    {
        if (Lives() && File.Exists(path)) disk.Flushed(path);
    }

    public void Move(string from, string to)
    {
        if (!Lives()) return;
        disk.Move(from, to);
        machine.Note("renamed a file");
    }

    /// <summary>
    /// Takes the file even if it is open: files of a dead process stay open here.
    /// </summary>
    public bool TryTake(string from, string to)
    {
        if (!Lives()) return false;
        disk.Move(from, to);
        machine.Note("took a file");
        return true;
    }

    public void FlushDirectory(string path)
    {
        if (Lives()) disk.FlushedDirectory(path);
    }

    public void Delete(string path)
    {
        if (Lives()) disk.Delete(path);
    }

    public void Forget(SafeFileHandle file)
    {
        // The page cache is not simulated.
    }

    public long FreeBytes(string path) => disk.IsFull ? 0 : long.MaxValue;

    public long TotalBytes(string path) => long.MaxValue;

    public FileStamp StampOf(SafeFileHandle file, string path) =>
        new(RandomAccess.GetLength(file), disk.VersionOf(path), 0, 0);

    public DateTimeOffset WrittenAt(FileInfo file) => disk.WrittenAt(file.FullName);

    private bool Lives()
    {
        if (machine.IsAlive) disk.Burn();
        return machine.IsAlive;
    }
}
