using Quorate.Simulation.Actors;

namespace Quorate.Simulation.Checks;

/// <summary>The totals of many seeds, as lines for people and for the tests.</summary>
internal sealed class Totals
{
    private readonly SortedDictionary<string, int> _marks = new(StringComparer.Ordinal);
    private long _seeds, _rounds, _moves, _events, _fewMoves;
    private ulong _trace;

    public int Failed { get; private set; }

    public void Add(ulong seed, Verdict verdict, TextWriter output)
    {
        _seeds++;
        _rounds += verdict.Rounds;
        _moves += verdict.Moves;
        _events += verdict.Events;
        if (verdict.Moves < 3) _fewMoves++;
        _trace = (_trace * 31) ^ verdict.Trace;
        foreach (var (mark, times) in verdict.Marks) _marks[mark] = _marks.GetValueOrDefault(mark) + times;
        foreach (string violation in verdict.Violations) Fail(seed, violation, output);
    }

    public void Fail(ulong seed, string violation, TextWriter output)
    {
        Failed++;
        output.WriteLine($"QUORATE_SIM_SEED={seed} {violation.ReplaceLineEndings(" ")}");
    }

    public void Write(TextWriter output)
    {
        foreach (var (mark, times) in _marks) output.WriteLine($"mark {times} {mark}");
        output.WriteLine(
            $"seeds {_seeds} violations {Failed} rounds {_rounds} moves {_moves} fewMoves {_fewMoves} "
            + $"events {_events} trace {_trace:x16}");
    }
}
