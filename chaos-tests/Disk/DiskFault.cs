namespace Quorate.ChaosTests.Disk;

/// <summary>Damage to the files of a node that is down.</summary>
internal sealed record DiskFault(string Name, Func<string, Draws, string?> Strike)
{
    private const int Sector = 512;

    /// <summary>
    /// Every kind of damage on every kind of file. A strike returns a description of the damage, or null if there is no
    /// file to damage yet.
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

    /// <summary>Flips one bit in the written part.</summary>
    private static void Rot(FileStream file, Draws draws)
    {
        file.Position = draws.Below(UsedOf(file));
        int was = file.ReadByte();
        file.Position--;
        file.WriteByte((byte)(was ^ (1 << draws.Below(8))));
    }

    /// <summary>Writes 512 zeros at a sector boundary.</summary>
    private static void Lose(FileStream file, Draws draws)
    {
        int used = UsedOf(file);
        file.Position = draws.Below((used + Sector - 1) / Sector) * (long)Sector;
        file.Write(new byte[Math.Min(Sector, file.Length - file.Position)]);
    }

    /// <summary>Truncates the file within the written part.</summary>
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

    /// <summary>Pages are mapped whole and written from their start, so the written part ends before the last zeros.
    /// </summary>
    private static int Used(byte[] bytes) => bytes.AsSpan().LastIndexOfAnyExcept((byte)0) + 1;
}
