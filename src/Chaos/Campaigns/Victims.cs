using Quorate.Chaos.Processes;

namespace Quorate.Chaos.Campaigns;

/// <summary>The coordinators, shared by the kinds of faults: only one acts on a coordinator at a time.</summary>
internal sealed class Victims(ChaosCluster cluster, Tally tally) : IDisposable
{
    private readonly SemaphoreSlim[] _gates =
        [.. Enumerable.Range(0, ChaosCluster.Nodes).Select(_ => new SemaphoreSlim(1))];

    /// <summary>The leader if any node reports one, or else a drawn node.</summary>
    public async Task<int> LeaderAsync(Draws draws, CancellationToken token) =>
        (await cluster.Connections.FindLeaderAsync(token))?.Id ?? draws.Below(ChaosCluster.Nodes);

    /// <summary>Sends SIGKILL, unless the node is down already.</summary>
    public Task KillAsync(int node, CancellationToken token) => AloneAsync(node, async process =>
    {
        if (process.Killed) return;
        await process.KillAsync();
        if (process.Killed) tally.Count(Tally.Kills);
    }, token);

    /// <summary>Starts the node, unless it is up.</summary>
    /// <param name="meanwhile">Called first, while the node is down.</param>
    public Task StartAsync(int node, Action? meanwhile, CancellationToken token) =>
        AloneAsync(node, process =>
        {
            if (!process.Killed) return Task.CompletedTask;
            meanwhile?.Invoke();
            cluster.Start(node);
            return Task.CompletedTask;
        }, token);

    /// <summary>Sends SIGSTOP, waits, and sends SIGCONT unless the node was killed in the meantime.</summary>
    public async Task PauseAsync(int node, TimeSpan length, CancellationToken token)
    {
        ProgramProcess? stopped = null;
        await AloneAsync(node, async process =>
        {
            if (process.Killed) return;
            await process.StopAsync();
            stopped = process;
        }, token);
        if (stopped is null) return;
        tally.Count(Tally.Pauses);
        try
        {
            await Task.Delay(length, TimeProvider.System, token);
        }
        finally
        {
            await AloneAsync(node, async process =>
            {
                if (process == stopped && !process.Killed) await process.ContinueAsync();
            }, CancellationToken.None);
        }
    }

    public void Dispose()
    {
        foreach (var gate in _gates) gate.Dispose();
    }

    private async Task AloneAsync(int node, Func<ProgramProcess, Task> act, CancellationToken token)
    {
        await _gates[node].WaitAsync(token);
        try
        {
            await act(cluster[node]);
        }
        finally
        {
            _gates[node].Release();
        }
    }
}
