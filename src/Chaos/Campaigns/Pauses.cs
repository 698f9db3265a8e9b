using Quorate.Chaos.Processes;

namespace Quorate.Chaos.Campaigns;

/// <summary>
/// SIGSTOP: the sockets stay open, nothing answers, and the process does not know that time has passed.
/// </summary>
internal sealed class Pauses(Victims victims, Tally tally, Draws draws)
{
    public async Task RunAsync(CancellationToken token)
    {
        while (true)
        {
            var calm = draws.Between(TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(3));
            await Task.Delay(calm, TimeProvider.System, token);
            int node = draws.Below(2) == 0
                ? await victims.LeaderAsync(draws, token)
                : draws.Below(ChaosCluster.Nodes);
            // Usually about one election timeout, sometimes much longer.
            double seconds = draws.Below(20) switch
            {
                < 14 => 0.2 + 1.3 * draws.Share(),
                < 19 => 1.5 + 2.5 * draws.Share(),
                _ => 4 + 6 * draws.Share(),
            };
            using var disturbed = tally.Disturb();
            tally.Say($"node {node} stopped for {seconds:F1} s");
            await victims.PauseAsync(node, TimeSpan.FromSeconds(seconds), token);
        }
    }
}
