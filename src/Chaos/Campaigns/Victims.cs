using Quorate.Chaos.Processes;

namespace Quorate.Chaos.Campaigns;

/// <summary>The coordinators as a storm's parts share them: no two do something to the same one at once.</summary>
internal sealed class Victims(ChaosCluster cluster, Tally tally) : IDisposable
{
    private readonly SemaphoreSlim[] _one =
        [.. Enumerable.Range(0, ChaosCluster.Nodes).Select(_ => new SemaphoreSlim(1))];

    /// <summary>Who leads as far as anybody says; otherwise drawn.</summary>
    public async Task<int> LeaderAsync(Draws draws, CancellationToken token) =>
        (await cluster.Connections.FindLeaderAsync(token))?.Id ?? draws.Below(ChaosCluster.Nodes);

    /// <summary>SIGKILL, unless it is down already.</summary>
    public Task KillAsync(int node, CancellationToken token) => AloneAsync(node, async process =>
    {
        if (process.Killed) return;
        await process.KillAsync();
        if (process.Killed) tally.Count(Tally.Kills);
    }, token);

    /// <summary>Starts it, unless it is up.</summary>
    /// <param name="meanwhile">What is to be done to it first, while it is down.</param>
    public Task StartAsync(int node, Action? meanwhile, CancellationToken token) =>
        AloneAsync(node, process =>
        {
            if (!process.Killed) return Task.CompletedTask;
            meanwhile?.Invoke();
            cluster.Start(node);
            return Task.CompletedTask;
        }, token);

    /// <summary>SIGSTOP, a while, and SIGCONT unless it was killed meanwhile.</summary>
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
        foreach (var one in _one) one.Dispose();
    }

    private async Task AloneAsync(int node, Func<ProgramProcess, Task> act, CancellationToken token)
    {
        await _one[node].WaitAsync(token);
        try
        {
            await act(cluster[node]);
        }
        finally
        {
            _one[node].Release();
        }
    }
}
