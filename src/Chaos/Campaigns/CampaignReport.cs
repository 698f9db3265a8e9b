using System.Text.Encodings.Web;
using System.Text.Json;

namespace Quorate.Chaos.Campaigns;

/// <summary>What a campaign came to. The names of its JSON are a contract with scripts.</summary>
/// <param name="Accepted">Updates that trainers were told are safe.</param>
/// <param name="Lost">Of them, those that a node lacks or has with other bytes.</param>
/// <param name="Linearizable">All offers and looks have one order; false also where none could be checked.</param>
/// <param name="BitIdentical">Every model is what an undisturbed replay of the same updates gives.</param>
/// <param name="ChainsEqual">At every index that two nodes remember they have the same history.</param>
/// <param name="FailoverSeconds">Leader killed, with nothing else wrong, to the next accepted update.</param>
/// <param name="Violations">Sentences; empty where all promises hold.</param>
public sealed record CampaignReport(
    ulong Seed, double Seconds, int Kills, int Pauses, int Partitions, int DiskFaults, int Accepted, int Lost,
    int CountedTwice, int RoundsPublished, bool Linearizable, bool BitIdentical, bool ChainsEqual,
    Percentiles FailoverSeconds, IReadOnlyList<string> Violations)
{
    private static readonly JsonSerializerOptions _format = new(JsonSerializerDefaults.Web)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public string ToJson() => JsonSerializer.Serialize(this, _format);
}

/// <summary>Null: nothing was measured.</summary>
public sealed record Percentiles(double? P50, double? P99, double? Max, int N)
{
    public static Percentiles Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0
            ? new Percentiles(null, null, null, 0)
            : new Percentiles(At(0.5), At(0.99), Math.Round(sorted[^1], 3), sorted.Length);

        double At(double share) => Math.Round(sorted[(int)Math.Ceiling(share * sorted.Length) - 1], 3);
    }
}
