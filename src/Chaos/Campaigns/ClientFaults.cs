using System.Collections.Concurrent;
using Quorate.Chaos.Network;
using Quorate.Chaos.Processes;
using Quorate.Shared.Text;

namespace Quorate.Chaos.Campaigns;

/// <summary>
/// Faults of trainers: killed during a transfer, connections cut or stalled, bits flipped in transit, and an update
/// sent to all coordinators at once.
/// </summary>
internal sealed class ClientFaults(ChaosCluster cluster, Tally tally, Draws draws)
{
    /// <summary>Weights are transferred about once a second; after this time, the fault happens anyway.</summary>
    private static readonly TimeSpan _transferAwaited = TimeSpan.FromSeconds(2);

    private readonly FaultyNetwork _network = cluster.Network!;

    /// <summary>Trainers that were killed: they lost their memory, so they may train a round twice.</summary>
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
        tally.Say($"trainer {trainer} sends its next update to every coordinator");
        cluster.Trainers[trainer].Record.RequestTwin();
        return Task.CompletedTask;
    }

    /// <summary>Waits for a transfer, but not for long, and kills the trainer.</summary>
    private async Task KillInTransferAsync(int trainer, bool upload, CancellationToken token)
    {
        using var disturbed = tally.Disturb();
        await WaitForTransferAsync(upload, draws.Below(150_000), token);
        var victim = cluster.Trainers[trainer];
        await victim.KillAsync();
        try
        {
            Killed[victim.Record.Trainer] = true;
            tally.Count(Tally.TrainerKills);
            tally.Say($"trainer {trainer} killed during {(upload ? "an upload" : "a download")}");
            await Task.Delay(draws.Between(TimeSpan.Zero, TimeSpan.FromSeconds(1)), TimeProvider.System, token);
        }
        finally
        {
            victim.Start();
        }
    }

    /// <summary>On each link, the connection that carries the drawn byte is reset at that byte.</summary>
    private async Task CutAsync(bool upload, CancellationToken token)
    {
        using var disturbed = tally.Disturb();
        var lanes = Lanes(upload);
        long before = lanes.Sum(lane => lane.Cuts);
        int after = draws.Below(300_000);
        await Spell.ApplyAsync(lanes, new Weather { CutAfter = after }, Length(), token);
        int cuts = (int)(lanes.Sum(lane => lane.Cuts) - before);
        if (cuts == 0) return;
        tally.Count(Tally.Cuts, cuts);
        tally.Say($"{PlainText.Count(cuts, "connection")} cut after {PlainText.Count(after, "byte")} "
            + $"{(upload ? "to" : "from")} a coordinator");
    }

    private async Task HoldAsync(Link link, CancellationToken token)
    {
        using var disturbed = tally.Disturb();
        tally.Count(Tally.Stalls);
        tally.Say($"the trainers' link {link.Address} stalls");
        await Spell.ApplyAsync([link.There, link.Back], new Weather { Held = true }, Length(), token);
    }

    private async Task FlipAsync(CancellationToken token)
    {
        using var disturbed = tally.Disturb();
        await Spell.FlipBitsAsync(
            "trainers and coordinators", [.. Lanes(true), .. Lanes(false)], Length(), tally, token);
    }

    private async Task WaitForTransferAsync(bool upload, long bytes, CancellationToken token)
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
