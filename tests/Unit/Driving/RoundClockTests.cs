using System.Collections.Immutable;
using Microsoft.Extensions.Time.Testing;
using Quorate.Coordinator.Driving;
using Quorate.Rounds;

namespace Quorate.Unit.Driving;

public sealed class RoundClockTests
{
    private static readonly RunRules Rules = new()
    {
        Rounds = 2, MinTrainers = 2, MinResults = 1, Deadline = TimeSpan.FromMinutes(1),
        Grace = TimeSpan.FromSeconds(5), KeepUpdateRounds = 1, KeepModels = 1,
    };

    private readonly FakeTimeProvider _time = new();
    private readonly RoundClock _clock;
    private readonly Run _open = new()
    {
        Id = RunId.Parse("test"), Rules = Rules, Plan = "{}", OpenedAt = 0, Trail = Trail.Of([Model(0)]),
        Stage = new Stage.Open(0, ImmutableSortedDictionary<TrainerId, Update>.Empty),
    };

    public RoundClockTests() => _clock = new RoundClock(_time);

    [Fact]
    public void The_clock_measures_since_the_opening_and_since_there_were_enough_updates()
    {
        Assert.Equal((TimeSpan.Zero, TimeSpan.Zero), _clock.Look(_open));
        _time.Advance(TimeSpan.FromSeconds(10));
        var enough = WithUpdate(_open);
        Assert.Equal((TimeSpan.FromSeconds(10), TimeSpan.Zero), _clock.Look(enough));
        _time.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal((TimeSpan.FromSeconds(13), TimeSpan.FromSeconds(3)), _clock.Look(enough));
    }

    [Fact]
    public void A_new_round_restarts_the_clock()
    {
        _clock.Look(WithUpdate(_open));
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal((TimeSpan.Zero, TimeSpan.Zero), _clock.Look(_open with { Trail = _open.Trail.Add(Model(1)) }));
    }

    private static Run WithUpdate(Run run)
    {
        var trainer = TrainerId.Parse("anna");
        var update = new Update(trainer, BlobHash.Of([1]), 1, 1, Metrics.None, 0);
        return run with { Stage = new Stage.Open(run.RoundOpenedAt, run.Updates.Add(trainer, update)) };
    }

    private static PublishedModel Model(int round) => new(round, BlobHash.Of([2]), 1, round, round, [], 0, 0);
}
