using Quorate.Chaos;

namespace Quorate.ChaosTests.Disk;

/// <summary>What a disk does to the files of a node that is down.</summary>
internal sealed record DiskFault(string Name, Func<string, Draws, string?> Strike)
{
    private const int Sector = 512;

    /// <summary>
    /// Each kind of damage on each kind of file where it can be. A strike returns what it did, for the reader of a
    /// violation; null where there is nothing to strike yet.
    /// </summary>
    public static IReadOnlyList<DiskFault> All { get; } =
    [
        .. from target in new[] { ("log", "wal/data"), ("log index", "wal/metadata"), ("snapshot", "snapshots"),
               ("blob", "blobs") }
           from damage in new (string, Action<FileStream, Draws>)[] { ("bit rot", Rot), ("a lost sector", Lose),
               ("a torn tail", Tear) }
           select new DiskFault($"{damage.Item1} in a {target.Item1}",
               (directory, draws) => Damage(Path.Combine(directory, target.Item2), damage.Item2, draws)),
    ];

    private static string? Damage(string folder, Action<FileStream, Draws> damage, Draws draws)
    {
        string[] files = Directory.Exists(folder) ? Directory.GetFiles(folder, "*", SearchOption.AllDirectories) : [];
        files = [.. files.Where(IsWritten).Order(StringComparer.Ordinal)];
        if (files.Length == 0) return null;
        string struck = files[draws.Below(files.Length)];
        using var file = File.Open(struck, FileMode.Open, FileAccess.ReadWrite);
        damage(file, draws);
        return $"{struck} at {file.Position}";
    }

    private static bool IsWritten(string path) => new FileInfo(path).Length > 0 && Used(File.ReadAllBytes(path)) > 0;

    /// <summary>One bit, somewhere in what was written.</summary>
    private static void Rot(FileStream file, Draws draws)
    {
        file.Position = draws.Below(UsedOf(file));
        int was = file.ReadByte();
        file.Position--;
        file.WriteByte((byte)(was ^ (1 << draws.Below(8))));
    }

    /// <summary>512 bytes of zeros, on a sector's bound.</summary>
    private static void Lose(FileStream file, Draws draws)
    {
        int used = UsedOf(file);
        file.Position = draws.Below((used + Sector - 1) / Sector) * (long)Sector;
        file.Write(new byte[Math.Min(Sector, file.Length - file.Position)]);
    }

    /// <summary>The end is gone, from anywhere in what was written.</summary>
    private static void Tear(FileStream file, Draws draws)
    {
        file.SetLength(draws.Below(UsedOf(file)));
        file.Position = file.Length;
    }

    private static int UsedOf(FileStream file)
    {
        byte[] bytes = new byte[file.Length];
        file.Position = 0;
        file.ReadExactly(bytes);
        return Used(bytes);
    }

    /// <summary>A page is mapped whole and written from its start: what counts ends before the last zeros.</summary>
    private static int Used(byte[] bytes) => bytes.AsSpan().LastIndexOfAnyExcept((byte)0) + 1;
}
