using Quorate.Coordinator.Consensus;
using Quorate.Rounds;
using Quorate.Simulation.Actors;

namespace Quorate.Simulation.Checks;

/// <summary>Coordinators that are broken on purpose. The checks must catch each of them.</summary>
internal static class Breakages
{
    public static readonly IReadOnlyList<string> Names = ["ack-first", "no-dedupe", "lying-disk"];

    public static Breakage Named(string name) => name switch
    {
        "ack-first" => new Breakage { Log = log => new AckFirst(log) },
        "no-dedupe" => new Breakage { Apply = Careless, Log = log => new Twice(log) },
        "lying-disk" => new Breakage { LyingDisks = true },
        _ => throw new ArgumentException($"There is no breakage '{name}': {string.Join(", ", Names)}."),
    };

    /// <summary>Counts a late update in the round that is open now.</summary>
    private static (ClusterState State, Outcome Outcome) Careless(
        ClusterState state, long index, Command command, ReadOnlySpan<byte> bytes)
    {
        if (command is Command.AcceptUpdate update && state.Find(update.Run) is { } run && update.Round < run.Round)
            command = update with { Round = run.Round };
        return RoundMachine.Apply(state, index, command, bytes);
    }

    /// <summary>Reports an update as safe before a majority has it.</summary>
    private sealed class AckFirst(IReplicatedLog log) : Around(log)
    {
        public override async Task<Outcome> ProposeAsync(Command command, CancellationToken token)
        {
            var proposed = Log.ProposeAsync(command, token);
            if (command is not Command.AcceptUpdate) return await proposed;
            _ = proposed.ContinueWith(static task => task.Exception, TaskScheduler.Default);
            return Outcome.Accepted;
        }
    }

    /// <summary>Proposes an update again when its round is over, like a network that repeats messages.</summary>
    private sealed class Twice(IReplicatedLog log) : Around(log)
    {
        public override async Task<Outcome> ProposeAsync(Command command, CancellationToken token)
        {
            var outcome = await Log.ProposeAsync(command, token);
            if (command is Command.AcceptUpdate update) _ = AgainAsync(update);
            return outcome;
        }

        private async Task AgainAsync(Command.AcceptUpdate update)
        {
            for (var state = State; state.Find(update.Run) is { } run && run.Round == update.Round;)
                state = await Log.ChangedAsync(state.Index, CancellationToken.None);
            try
            {
                await Log.ProposeAsync(update, CancellationToken.None);
            }
            catch (Exception e) when (e is NotLeaderException or OutcomeUnknownException)
            {
                // Another node leads now.
            }
        }
    }

    private abstract class Around(IReplicatedLog log) : IReplicatedLog
    {
        protected IReplicatedLog Log => log;

        public ClusterState State => log.State;
        public Leadership Leadership => log.Leadership;
        public bool QuorumReachable => log.QuorumReachable;

        public Task<ClusterState> ChangedAsync(long after, CancellationToken token) => log.ChangedAsync(after, token);

        public Task<Leadership> LeadershipChangedAsync(Leadership seen, CancellationToken token) =>
            log.LeadershipChangedAsync(seen, token);

        public Task<ClusterState> ReadAsync(CancellationToken token) => log.ReadAsync(token);

        public IReadOnlyList<(long Index, BlobHash Chain)> ChainWindow(long from, int max) =>
            log.ChainWindow(from, max);

        public abstract Task<Outcome> ProposeAsync(Command command, CancellationToken token);
    }
}
