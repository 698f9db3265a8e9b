using System.Threading.Channels;
using Quorate.Coordinator.Consensus;
using Quorate.Rounds;

namespace Quorate.Coordinator.Intake;

/// <summary>
/// Wakes every attending trainer when its work may have changed: the active runs, or the phase, round or model of one
/// of them. Accepted updates
/// and joins wake no trainer, because with thousands of trainers each one would wake all the others. Changed counts are
/// sent with the answer to the next heartbeat.
/// </summary>
internal sealed class RunSignal(IReplicatedLog log) : BackgroundService
{
    private readonly Lock _gate = new();

    /// <summary>
    /// Its order depends only on the order of additions and removals, so the simulation can repeat a run exactly.
    /// </summary>
    private readonly HashSet<ChannelWriter<bool>> _listeners = [];

    /// <summary>A channel that receives wake-ups. Its capacity is one: several unread wake-ups count as one.</summary>
    public Channel<bool> Listen()
    {
        var channel = Channel.CreateBounded<bool>(
            new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        lock (_gate) _listeners.Add(channel.Writer);
        return channel;
    }

    public void Unlisten(Channel<bool> channel)
    {
        lock (_gate) _listeners.Remove(channel.Writer);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        for (var before = log.State; !stoppingToken.IsCancellationRequested;)
        {
            var after = await log.ChangedAsync(before.Index, stoppingToken);
            if (Wakes(before, after))
                lock (_gate)
                    foreach (var listener in _listeners) listener.TryWrite(true);
            before = after;
        }
    }

    /// <summary>Whether a change of the state may be work for a trainer.</summary>
    internal static bool Wakes(ClusterState before, ClusterState after) =>
        before.Runs != after.Runs && !Key(before).AsSpan().SequenceEqual(Key(after));

    private static (RunId, Phase, int, BlobHash?)[] Key(ClusterState state) =>
        [.. state.ActiveRuns.Select(run => (run.Id, run.Phase, run.Round, run.Model?.Blob))];
}
