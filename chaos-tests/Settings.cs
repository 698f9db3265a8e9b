using System.Globalization;

[assembly: CollectionBehavior(DisableTestParallelization = true)] // Every test starts processes, on two cores.

namespace Quorate.ChaosTests;

/// <summary>Environment variables that change the tests' length or seed: QUORATE_CHAOS_SEED and so on.</summary>
internal static class Settings
{
    public static int Number(string name, int otherwise) =>
        Environment.GetEnvironmentVariable($"QUORATE_CHAOS_{name}") is { Length: > 0 } text
            ? int.Parse(text, CultureInfo.InvariantCulture)
            : otherwise;
}
