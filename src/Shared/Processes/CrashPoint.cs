using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Quorate.Shared.Processes;

/// <summary>
/// Places at which this process can be made to die, for tests of what survives:
/// <c>QUORATE_CRASH_POINT=name[@leader|@follower][:hit]</c> kills it at the hit-th passage (the first by default),
/// counting only passages in the named role if there is one. It dies as by SIGKILL: no flush, no finally, exit code
/// 137. Without the variable, a passage costs one comparison with null.
/// </summary>
public static class CrashPoint
{
    /// <summary>The environment variable that names the point.</summary>
    public const string Variable = "QUORATE_CRASH_POINT";

    /// <summary>The largest hit that can be named.</summary>
    private const int HitsMax = 1_000_000;

    private static readonly string[] _roles = ["leader", "follower"];

    private static Armed? _armed;

    /// <summary>All points, in the order in which an update and then its round pass them.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        "part-sent", "part-received", "blob-received", "blob-flushed", "blob-renamed", "blob-durable",
        "blob-replicated", "pull-done",
        "before-propose", "append-unflushed", "append-flushed", "before-apply", "after-apply", "after-propose",
        "initial-model-made", "before-close-round", "round-closed", "average-built", "model-replicated",
        "model-published", "score-recorded", "snapshot-written", "snapshot-renamed",
        "model-downloaded", "update-trained", "upload-answered",
    ];

    /// <summary>Whether this process leads. The coordinator sets it; a trainer never leads.</summary>
    public static bool Leading { get; set; }

    /// <summary>
    /// Arms the point that <paramref name="setting"/> names; none if it is null or empty. Called once, at the start.
    /// </summary>
    /// <param name="flaw">A sentence that says what is wrong with the setting; then nothing is armed.</param>
    public static bool TryArm(string? setting, [NotNullWhen(false)] out string? flaw)
    {
        flaw = null;
        if (string.IsNullOrEmpty(setting)) return true;
        string[] parts = setting.Split(':'), names = parts[0].Split('@');
        int hit = 1;
        if (parts.Length > 2 || names.Length > 2 || (names.Length == 2 && !_roles.Contains(names[1]))
            || (parts.Length == 2 && (!int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out hit)
                || hit is < 1 or > HitsMax)))
            flaw = $"{Variable} must be NAME, NAME@leader or NAME@follower, with :HIT (1 to {HitsMax}) where it is not "
                + $"the first passage, not '{setting}'.";
        else if (!Names.Contains(names[0]))
            flaw = $"{Variable}: there is no crash point '{names[0]}'; there are {string.Join(", ", Names)}.";
        else
            _armed = new Armed(names[0], names.Length == 2 ? names[1] == "leader" : null, hit);
        return flaw is null;
    }

    /// <summary>The process is at <paramref name="name"/>, one of <see cref="Names"/>.</summary>
    public static void Pass(string name) => _armed?.Pass(name);

    private sealed class Armed(string name, bool? leading, int hit)
    {
        private int _left = hit;

        public void Pass(string passed)
        {
            if (passed != name || (leading is { } wanted && wanted != Leading)) return;
            if (Interlocked.Decrement(ref _left) != 0) return;
            Console.Error.WriteLine($"crash point {name} reached as {(Leading ? "leader" : "follower")}");
            using var self = Process.GetCurrentProcess();
            self.Kill(); // SIGKILL: it does not come back.
            throw new UnreachableException();
        }
    }
}
