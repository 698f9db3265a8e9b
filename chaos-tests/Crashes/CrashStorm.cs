namespace Quorate.ChaosTests.Crashes;

/// <summary>
/// Makes coordinators die at named crash points in one running cluster. Every node is armed with a point; when a node
/// dies at its point, it is started again with the next point of the list. Chance decides which node dies when, and two
/// may be dead at once.
/// </summary>
/// <param name="points">The remaining points; a point is removed when a node is armed with it.</param>
internal sealed class CrashStorm(ChaosCluster cluster, List<string> points, Draws draws)
{
    /// <summary>
    /// A node that is armed with a point of the other role would wait forever. So the leader is killed after this many
    /// rounds without a death. Rounds, not seconds, so that a slow machine changes nothing.
    /// </summary>
    private const int CalmRounds = 4;

    private readonly string?[] _armed = new string?[ChaosCluster.Nodes];
    private int _round;

    /// <summary>Deaths at a point.</summary>
    public int Struck { get; private set; }

    /// <summary>Deaths that changed the roles.</summary>
    public int Kills { get; private set; }

    /// <summary>Returns once all points were reached or the run has ended. All nodes then run without a
    /// point.</summary>
    public async Task RunAsync()
    {
        for (int node = 0; node < ChaosCluster.Nodes; node++)
        {
            await RearmAsync(node);
            await cluster.LeaderAsync();
        }
        string? seen = null;
        while (seen != Ended && _armed.Any(point => point is not null))
            seen = await cluster.UntilAsync(LookAsync, "the next crash point, " + string.Join(", ", _armed));
        for (int node = 0; node < ChaosCluster.Nodes; node++)
        {
            if (_armed[node] is null) continue;
            points.Insert(0, _armed[node]!);
            await cluster.KillAsync(node);
            cluster.Start(node);
        }
    }

    private const string Ended = "the end";

    private async Task<string?> LookAsync(CancellationToken token)
    {
        string? struck = null;
        for (int node = 0; node < ChaosCluster.Nodes; node++)
        {
            if (!cluster[node].Crashed) continue;
            struck = _armed[node];
            Struck++;
            _armed[node] = null;
            // The other nodes continue for a while, or die next.
            await ChaosCluster.PauseAsync(TimeSpan.FromMilliseconds(draws.Below(3) * 100));
            await RearmAsync(node);
        }
        var leader = (await cluster.StatusAsync(token)).Where(reply => reply is { Leader: true, Run: not null })
            .MaxBy(reply => reply!.Term);
        if (leader is null) return struck;
        if (leader.Run.Phase.HasEnded()) return Ended;
        if (struck is not null) _round = leader.Run.Round;
        // In the middle of a round, so that the successor is missing an update and must pull it.
        else if (leader.Run.Round >= _round + CalmRounds && leader.Run.Updates.Count > 0)
        {
            Kills++;
            await cluster.KillAsync(leader.Node);
            cluster.Start(leader.Node, _armed[leader.Node]);
            _round = leader.Run.Round;
        }
        return struck;
    }

    private async Task RearmAsync(int node)
    {
        await cluster.KillAsync(node);
        _armed[node] = points.FirstOrDefault();
        if (points.Count > 0) points.RemoveAt(0);
        cluster.Start(node, _armed[node]);
    }
}
