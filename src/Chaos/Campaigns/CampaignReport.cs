using System.Text.Encodings.Web;
using System.Text.Json;

namespace Quorate.Chaos.Campaigns;

/// <summary>The result of a campaign. The names of its JSON fields are a contract with scripts.</summary>
/// <param name="Accepted">Updates whose trainers were told that they are safe.</param>
/// <param name="Lost">Accepted updates that a node does not have, or has with other bytes.</param>
/// <param name="Linearizable">One order explains all offers and reads; false also if there was nothing to
/// check.</param>
/// <param name="BitIdentical">Every model equals the one computed by a replay of the same updates.</param>
/// <param name="ChainsEqual">Any two nodes have the same chain hash at every index that both remember.</param>
/// <param name="FailoverSeconds">From the kill of a leader, with no other fault, to the next accepted update.</param>
/// <param name="Violations">One sentence for each broken promise.</param>
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

/// <summary>Percentiles of <paramref name="N"/> measurements; null if there were none.</summary>
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
