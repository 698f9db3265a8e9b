using Quorate.Chaos;
using Quorate.Chaos.Processes;
using Quorate.Shared.Protocol;

namespace Quorate.ChaosTests.Crashes;

/// <summary>
/// Makes coordinators die at named points, one after the other, all in one running cluster. Every node is armed with
/// some point; whenever one dies there, it is started again with the next of the list. Which node, and beside which
/// deaths of the others, is left to chance: two may lie dead at once.
/// </summary>
internal sealed class CrashStorm(ChaosCluster cluster, IEnumerable<string> points, Draws draws)
{
    /// <summary>A node that waits for a point of the other role waits for ever, unless the roles change.</summary>
    private static readonly TimeSpan Calm = TimeSpan.FromSeconds(4);

    /// <summary>Changes of roles in a row that brought nobody to his point.</summary>
    private const int ShufflesMax = 15;

    private readonly Queue<string> _left = new(points);
    private readonly string?[] _armed = new string?[ChaosCluster.Nodes];
    private int _shuffles;
    private long _last = TimeProvider.System.GetTimestamp();

    /// <summary>Deaths at a point.</summary>
    public int Struck { get; private set; }

    /// <summary>Deaths that changed the roles.</summary>
    public int Kills { get; private set; }

    /// <summary>Returns once all points have struck, and all nodes are started again without any.</summary>
    public async Task RageAsync()
    {
        for (int node = 0; node < ChaosCluster.Nodes; node++)
        {
            await cluster.KillAsync(node);
            Arm(node);
            await cluster.LeaderAsync();
        }
        while (_armed.Any(point => point is not null))
        {
            await cluster.UntilAsync(LookAsync, "the next crash point, " + string.Join(", ", _armed));
            _last = TimeProvider.System.GetTimestamp();
        }
    }

    private async Task<string?> LookAsync(CancellationToken token)
    {
        string? struck = null;
        for (int node = 0; node < ChaosCluster.Nodes; node++)
        {
            if (!cluster[node].Crashed) continue;
            (struck, _shuffles) = (_armed[node], 0);
            Struck++;
            // Now and then the others carry on for a while, or are the next to die.
            await ChaosCluster.PauseAsync(TimeSpan.FromMilliseconds(draws.Below(3) * 200));
            Arm(node);
        }
        if (struck is null && TimeProvider.System.GetElapsedTime(_last) > Calm) await ShuffleAsync(token);
        return struck;
    }

    private void Arm(int node)
    {
        _armed[node] = _left.TryDequeue(out string? point) ? point : null;
        cluster.Start(node, _armed[node]);
    }

    /// <summary>
    /// Kills the leader, in the middle of a round: its successor then lacks some update and must pull it.
    /// </summary>
    private async Task ShuffleAsync(CancellationToken token)
    {
        var leader = (await cluster.StatusAsync(token)).Where(reply => reply is { Leader: true, Run: not null })
            .MaxBy(reply => reply!.Term);
        if (leader is null) return;
        if (leader.Run.Phase >= RunPhase.Finished)
            throw new InvalidOperationException($"The run ended before {string.Join(", ", _armed)} was reached.");
        if (leader.Run.Updates.Count == 0 && TimeProvider.System.GetElapsedTime(_last) < 2 * Calm) return;
        if (_shuffles++ == ShufflesMax)
            throw new InvalidOperationException($"Nobody comes to {string.Join(", ", _armed)}; see {cluster.Root}.");
        await cluster.KillAsync(leader.Node);
        Kills++;
        cluster.Start(leader.Node, _armed[leader.Node]);
        _last = TimeProvider.System.GetTimestamp();
    }
}
