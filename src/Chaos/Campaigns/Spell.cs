using Quorate.Chaos.Network;
using Quorate.Shared.Text;

namespace Quorate.Chaos.Campaigns;

/// <summary>Bad weather on some lanes for a while. The lanes are always cleared at the end.</summary>
internal static class Spell
{
    public static async Task ApplyAsync(
        IReadOnlyList<Lane> lanes, Weather weather, TimeSpan length, CancellationToken token)
    {
        foreach (var lane in lanes) lane.Weather = weather;
        try
        {
            await Task.Delay(length, TimeProvider.System, token);
        }
        finally
        {
            foreach (var lane in lanes) lane.Weather = Weather.Fair;
        }
    }

    /// <summary>Flips bits of weights in transit.</summary>
    public static async Task FlipBitsAsync(
        string where, IReadOnlyList<Lane> lanes, TimeSpan length, Tally tally, CancellationToken token)
    {
        long before = lanes.Sum(lane => lane.Flips);
        await ApplyAsync(lanes, new Weather { FlipChance = 0.5 }, length, token);
        int flips = (int)(lanes.Sum(lane => lane.Flips) - before);
        if (flips == 0) return;
        tally.Count(Tally.Flips, flips);
        tally.Say($"{PlainText.Count(flips, "bit")} flipped between {where}");
    }
}
