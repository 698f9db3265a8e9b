using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Settings;

namespace Quorate.Coordinator.Driving;

/// <summary>
/// Marks a lost leader as suspect, so that this node asks it last. Otherwise half of all blobs would be sent there
/// first, and each would wait for a timeout.
/// </summary>
internal sealed class LostLeaders(IReplicatedLog log, Replication replication, CoordinatorOptions options)
    : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        for (var seen = log.Leadership; ;)
        {
            var now = await log.LeadershipChangedAsync(seen, stoppingToken);
            if (seen.LeaderNode is { } lost && lost != now.LeaderNode && lost != options.Node)
                replication.MarkSuspect(lost);
            seen = now;
        }
    }
}
