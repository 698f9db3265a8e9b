using Microsoft.Win32.SafeHandles;
using Quorate.Coordinator.Disk;
using Quorate.Simulation.World;

namespace Quorate.Simulation.Disk;

/// <summary>
/// One process's door to its node's disk. What blocks takes the world's time, before and after it is done, so a machine
/// dies before a flush, or after a rename and before its answer. A dead machine changes nothing any more.
/// </summary>
internal sealed class SimulatedDisk(NodeDisk disk, Machine machine) : IDisk
{
    // Linux's number for a full disk, as .NET passes it on.
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
    /// Whether somebody reads is not asked: a dead process's files stay open here, and a live one has to cope.
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
        // What is in memory makes no difference here.
    }

    public long FreeBytes(string path) => disk.IsFull ? 0 : long.MaxValue;

    public FileStamp StampOf(SafeFileHandle file, string path) =>
        new(RandomAccess.GetLength(file), disk.VersionOf(path), 0, 0);

    public DateTimeOffset WrittenAt(FileInfo file) => disk.WrittenAt(file.FullName);

    private bool Lives()
    {
        if (machine.IsAlive) disk.Burn();
        return machine.IsAlive;
    }
}
