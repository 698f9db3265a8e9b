using System.Collections.Concurrent;
using Quorate.Chaos.Network;
using Quorate.Chaos.Processes;

namespace Quorate.Chaos.Campaigns;

/// <summary>
/// What happens to trainers: killed in the middle of a transfer, cut off, held up, bits flipped under way, and one that
/// sends its update to everybody at once.
/// </summary>
internal sealed class ClientFaults(ChaosCluster cluster, Tally tally, Draws draws)
{
    /// <summary>Weights move every second or so; where they do not, the fault strikes all the same.</summary>
    private static readonly TimeSpan _transferAwaited = TimeSpan.FromSeconds(2);

    private readonly FaultyNetwork _network = cluster.Network!;

    /// <summary>Trainers that were killed: their memory was gone, so they may train a round twice.</summary>
    public ConcurrentDictionary<string, bool> Killed { get; } = new();

    public async Task RunAsync(CancellationToken token)
    {
        while (true)
        {
            var calm = draws.Between(TimeSpan.FromSeconds(0.3), TimeSpan.FromSeconds(2.5));
            await Task.Delay(calm, TimeProvider.System, token);
            var link = _network.FromTrainers(draws.Below(ChaosCluster.Nodes));
            int trainer = draws.Below(cluster.Trainers.Count);
            bool upload = draws.Below(2) == 0;
            await (draws.Below(5) switch
            {
                0 => KillInTransferAsync(trainer, upload, token),
                1 => CutAsync(upload, token),
                2 => HoldAsync(link, token),
                3 => FlipAsync(token),
                _ => TwinAsync(trainer),
            });
        }
    }

    private TimeSpan Length() => draws.Between(TimeSpan.FromSeconds(0.3), TimeSpan.FromSeconds(2));

    private Task TwinAsync(int trainer)
    {
        tally.Say($"trainer {trainer} is to send its next update to every coordinator");
        cluster.Trainers[trainer].Record.WantTwin();
        return Task.CompletedTask;
    }

    /// <summary>Waits until weights move, if they do, and kills the trainer then.</summary>
    private async Task KillInTransferAsync(int trainer, bool upload, CancellationToken token)
    {
        using var disturbed = tally.Disturb();
        await MovedAsync(upload, draws.Below(150_000), token);
        var victim = cluster.Trainers[trainer];
        await victim.KillAsync();
        try
        {
            Killed[victim.Record.Trainer] = true;
            tally.Count(Tally.TrainerKills);
            tally.Say($"trainer {trainer} killed while weights went {(upload ? "up" : "down")}");
            await Task.Delay(draws.Between(TimeSpan.Zero, TimeSpan.FromSeconds(1)), TimeProvider.System, token);
        }
        finally
        {
            victim.Start();
        }
    }

    /// <summary>The connection that brings the byte that was drawn ends there, once on each link.</summary>
    private async Task CutAsync(bool upload, CancellationToken token)
    {
        using var disturbed = tally.Disturb();
        var lanes = Lanes(upload);
        long before = lanes.Sum(lane => lane.Cuts);
        int after = draws.Below(300_000);
        await Spell.OnAsync(lanes, new Weather { CutAfter = after }, Length(), token);
        int cuts = (int)(lanes.Sum(lane => lane.Cuts) - before);
        tally.Count(Tally.Cuts, cuts);
        tally.Say($"{cuts} connections cut after {after} bytes {(upload ? "up" : "down")}");
    }

    private async Task HoldAsync(Link link, CancellationToken token)
    {
        using var disturbed = tally.Disturb();
        tally.Count(Tally.Stalls);
        tally.Say($"the trainers' link {link.Address} stalls");
        await Spell.OnAsync([link.There, link.Back], new Weather { Held = true }, Length(), token);
    }

    private async Task FlipAsync(CancellationToken token)
    {
        using var disturbed = tally.Disturb();
        await Spell.OfFlipsAsync(
            "trainers and coordinators", [.. Lanes(true), .. Lanes(false)], Length(), tally, token);
    }

    private async Task MovedAsync(bool upload, long bytes, CancellationToken token)
    {
        var lanes = Lanes(upload);
        long before = lanes.Sum(lane => lane.Passed), started = TimeProvider.System.GetTimestamp();
        while (lanes.Sum(lane => lane.Passed) - before <= bytes
            && TimeProvider.System.GetElapsedTime(started) < _transferAwaited)
            await Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System, token);
    }

    private List<Lane> Lanes(bool upload) => [.. Enumerable.Range(0, ChaosCluster.Nodes)
        .Select(_network.FromTrainers).Select(link => upload ? link.There : link.Back)];
}
