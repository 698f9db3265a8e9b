namespace Quorate.Simulation.World;

/// <summary>
/// All that happened, as one number (FNV-1a, 64 bits), and which named rare branches were taken. Two runs of a seed
/// that differ anywhere differ in the number.
/// </summary>
internal sealed class Trace
{
    private const ulong Offset = 14695981039346656037, Prime = 1099511628211;

    private readonly SortedDictionary<string, int> _marks = new(StringComparer.Ordinal);

    public ulong Hash { get; private set; } = Offset;

    public IReadOnlyDictionary<string, int> Marks => _marks;

    /// <summary>Where it is set, every event is written there too: for a look at one seed.</summary>
    public TextWriter? Log { get; init; }

    public void Add(long at, string who, string what)
    {
        Mix((ulong)at);
        foreach (char letter in who) Mix(letter);
        foreach (char letter in what) Mix(letter);
        Log?.WriteLine($"{at / 10_000.0,12:F2} ms  {who,-10} {what}");
    }

    /// <summary>What happens too often for a line: bytes that came.</summary>
    public void Add(long at, int bytes)
    {
        Mix((ulong)at);
        Mix((ulong)bytes);
    }

    public void Mark(string branch) => _marks[branch] = _marks.GetValueOrDefault(branch) + 1;

    private void Mix(ulong value) => Hash = (Hash ^ value) * Prime;
}
