using Quorate.Chaos.Network;

namespace Quorate.Chaos.Campaigns;

/// <summary>A spell of bad weather on some lanes; whatever ends it, the sky clears.</summary>
internal static class Spell
{
    public static async Task OnAsync(
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

    /// <summary>Flips bits of weights under way.</summary>
    public static async Task OfFlipsAsync(
        string where, IReadOnlyList<Lane> lanes, TimeSpan length, Tally tally, CancellationToken token)
    {
        long before = lanes.Sum(lane => lane.Flips);
        await OnAsync(lanes, new Weather { FlipChance = 0.5 }, length, token);
        int flips = (int)(lanes.Sum(lane => lane.Flips) - before);
        tally.Count(Tally.Flips, flips);
        tally.Say($"{flips} bits flipped between {where}");
    }
}
