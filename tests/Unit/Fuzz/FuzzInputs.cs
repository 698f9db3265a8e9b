namespace Quorate.Unit.Fuzz;

/// <summary>
/// How much every fuzzer of this project does: 100,000 inputs a decoder, or 10,000,000 with QUORATE_LONG=1.
/// </summary>
internal static class FuzzInputs
{
    public static readonly int Count =
        Environment.GetEnvironmentVariable("QUORATE_LONG") == "1" ? 10_000_000 : 100_000;
}
