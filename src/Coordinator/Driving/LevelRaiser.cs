using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Peering;
using Quorate.Coordinator.Settings;
using Quorate.Coordinator.Telemetry;
using Quorate.Rounds;
using Quorate.Shared.Protocol;

namespace Quorate.Coordinator.Driving;

/// <summary>
/// The leader raises the cluster's feature level once every member has supported a higher one for a minute. A member
/// that is down or was not upgraded holds the level back, and so do <c>--max-level</c> on any of them and
/// <c>quorate upgrade hold</c>.
/// </summary>
internal sealed partial class LevelRaiser(
    IReplicatedLog log, GreetPeers greet, CoordinatorOptions options, TimeProvider time,
    ILogger<LevelRaiser> logger) : BackgroundService
{
    private static readonly TimeSpan _lookEvery = TimeSpan.FromSeconds(5);

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        LeaderLoop.RunAsync(log, LeadAsync, stoppingToken);

    private async Task LeadAsync(CancellationToken token)
    {
        var supported = new CommonLevel(time);
        using var tick = new PeriodicTimer(_lookEvery, time);
        while (await tick.WaitForNextTickAsync(token)) await LookAsync(supported, token);
    }

    /// <summary>Asks every member once, and proposes a higher level if all have supported it for long enough.</summary>
    internal async Task LookAsync(CommonLevel supported, CancellationToken token)
    {
        var hellos = (await greet(new HelloRequest { Node = options.Node }, token)).Accepted;
        int lowest = hellos.Count < options.Hosts.Nodes.Count - 1
            ? 0
            : hellos.Select(hello => hello.FeatureLevel).Append(options.FeatureLevel).Min();
        int level = supported.Look(lowest);
        if (level <= log.State.Level || log.State.LevelHeldBy.Length > 0) return;
        try
        {
            long now = time.GetUtcNow().ToUnixTimeMilliseconds();
            var outcome = await log.ProposeAsync(new Command.RaiseLevel(level, now), token);
            if (outcome.Verdict == Verdict.Accepted) LogRaised(level);
        }
        catch (Exception e) when (e is NotLeaderException or OutcomeUnknownException)
        {
            // The next look, or the next leader, proposes it again.
        }
    }

    [LoggerMessage(EventIds.LevelRaised, LogLevel.Information, "The cluster is now at feature level {Level}.")]
    private partial void LogRaised(int level);
}

/// <summary>The level that all members have supported at every look for a minute.</summary>
internal sealed class CommonLevel(TimeProvider time)
{
    public static readonly TimeSpan Held = TimeSpan.FromMinutes(1);

    private int _level;
    private long _since;

    /// <param name="lowest">The lowest level that any member supports now; 0: one did not answer.</param>
    /// <returns>The level; 0 until one has been supported for long enough.</returns>
    public int Look(int lowest)
    {
        if (lowest != _level) (_level, _since) = (lowest, time.GetTimestamp());
        return time.GetElapsedTime(_since) >= Held ? _level : 0;
    }
}
