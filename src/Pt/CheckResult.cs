using System.Diagnostics.CodeAnalysis;

namespace Quorate.Pt;

/// <summary>The result of a check: passed, or refused with one sentence that says what is wrong and how to fix
/// it.</summary>
public readonly record struct CheckResult
{
    private readonly string? _reason;

    private CheckResult(string? reason) => _reason = reason;

    public static CheckResult Passed => default;

    /// <summary>The check failed.</summary>
    /// <param name="reason">One sentence for people: what is wrong, where, and how to fix it.</param>
    public static CheckResult Refused(string reason) => new(reason);

    /// <summary>Whether the check failed, and why.</summary>
    public bool IsRefused([NotNullWhen(true)] out string? reason) => (reason = _reason) is not null;

    public override string ToString() => _reason ?? "passed";
}
