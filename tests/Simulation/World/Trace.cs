namespace Quorate.Simulation.World;

/// <summary>
/// A hash of all events (FNV-1a, 64 bits), and counts of the named rare branches that were taken. Two runs of a seed
/// that differ anywhere have different hashes.
/// </summary>
internal sealed class Trace
{
    private const ulong Offset = 14695981039346656037, Prime = 1099511628211;

    private readonly SortedDictionary<string, int> _marks = new(StringComparer.Ordinal);

    public ulong Hash { get; private set; } = Offset;

    public IReadOnlyDictionary<string, int> Marks => _marks;

    /// <summary>If set, every event is also written there.</summary>
    public TextWriter? Log { get; init; }

    public void Add(long at, string who, string what)
    {
        Mix((ulong)at);
        foreach (char letter in who) Mix(letter);
        foreach (char letter in what) Mix(letter);
        Log?.WriteLine($"{at / 10_000.0,12:F2} ms  {who,-10} {what}");
    }

    /// <summary>Adds received bytes, which are too frequent for a line each.</summary>
    public void Add(long at, int bytes)
    {
        Mix((ulong)at);
        Mix((ulong)bytes);
    }

    public void Mark(string branch) => _marks[branch] = _marks.GetValueOrDefault(branch) + 1;

    private void Mix(ulong value) => Hash = (Hash ^ value) * Prime;
}
