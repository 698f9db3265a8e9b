using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Settings;

namespace Quorate.Coordinator.Driving;

/// <summary>
/// A leader that is gone, or hangs, is the peer that the next leader should ask last: half of all blobs would go there
/// first, and each would wait until the peer is found out to hang.
/// </summary>
internal sealed class LostLeaders(IReplicatedLog log, Replication replication, CoordinatorOptions options)
    : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        for (var seen = log.Leadership; ;)
        {
            var now = await log.LeadershipChangedAsync(seen, stoppingToken);
            if (seen.LeaderNode is { } lost && lost != now.LeaderNode && lost != options.Node) replication.Doubt(lost);
            seen = now;
        }
    }
}
