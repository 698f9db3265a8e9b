namespace Quorate.Unit.Fuzz;

/// <summary>
/// The number of inputs of every fuzzer in this project: 100,000, or 10,000,000 with QUORATE_LONG=1.
/// </summary>
internal static class FuzzInputs
{
    public static readonly int Count =
        Environment.GetEnvironmentVariable("QUORATE_LONG") == "1" ? 10_000_000 : 100_000;
}
