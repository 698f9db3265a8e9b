using Quorate.Rounds;
using Quorate.Shared.Protocol;

namespace Quorate.Cli.Demo;

/// <summary>
/// A moment to kill the leader: in <see cref="Round"/> or later, once at least <see cref="Accepted"/> updates, but not
/// all, are accepted.
/// </summary>
internal sealed record Kill(int Round, int Accepted)
{
    /// <param name="leader">The leader's status.</param>
    /// <param name="trainers">Updates a full round has.</param>
    public bool IsNow(StatusReply leader, int trainers) =>
        leader.Run is { Phase: RunPhase.Training } run
        && run.Round >= Round && run.Updates.Count >= Accepted && run.Updates.Count < trainers;
}

/// <summary>When leaders are killed.</summary>
internal static class KillPlan
{
    /// <summary>Round 2 (1 if it is the only one), after two updates: some are safe, others are being sent.</summary>
    public static IReadOnlyList<Kill> Once(int rounds, int trainers) =>
        [new(Math.Min(2, rounds), Math.Min(2, trainers - 1))];

    /// <summary>
    /// <paramref name="count"/> moments spread over the run at random, in order. The same seed gives the same moments.
    /// </summary>
    public static IReadOnlyList<Kill> Drawn(int count, ulong seed, int rounds, int trainers)
    {
        var draws = new SplitMix64(seed);
        var kills = new Kill[count];
        for (int i = 0; i < count; i++) kills[i] = new Kill(1 + draws.Below(rounds), draws.Below(trainers));
        return [.. kills.OrderBy(k => k.Round).ThenBy(k => k.Accepted)];
    }
}
