using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Driving;
using Quorate.Coordinator.Peering;
using Quorate.Coordinator.Settings;
using Quorate.Rounds;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;
using Quorate.Unit.Consensus;

namespace Quorate.Unit.Driving;

public sealed class LevelRaiserTests
{
    private static readonly CoordinatorOptions _options = new()
    {
        Node = 0, Run = null, DataDirectory = "", TrainerPrograms = [], Hosts = HostsFile.Parse(
            """
            { "nodes": [ { "id": 0, "raft": "127.0.0.1:1", "grpc": "127.0.0.1:2" },
              { "id": 1, "raft": "127.0.0.1:3", "grpc": "127.0.0.1:4" },
              { "id": 2, "raft": "127.0.0.1:5", "grpc": "127.0.0.1:6" } ] }
            """),
    };

    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void A_level_counts_once_every_member_has_supported_it_for_a_minute()
    {
        var level = new CommonLevel(_time);
        Assert.Equal(0, level.Look(2));
        _time.Advance(CommonLevel.Held - TimeSpan.FromTicks(1));
        Assert.Equal(0, level.Look(2));
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.Equal(2, level.Look(2));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_member_that_is_silent_or_older_once_starts_the_minute_again(int lowest)
    {
        var level = new CommonLevel(_time);
        level.Look(2);
        _time.Advance(CommonLevel.Held / 2);
        level.Look(lowest);
        level.Look(2);
        _time.Advance(CommonLevel.Held / 2);
        Assert.Equal(0, level.Look(2));
        _time.Advance(CommonLevel.Held / 2);
        Assert.Equal(2, level.Look(2));
    }

    [Fact]
    public async Task The_leader_raises_the_level_once_all_three_nodes_have_reported_a_higher_one_for_a_minute()
    {
        var log = new LowLog();
        await LookForAMinuteAsync(log, FeatureLevel.Supported, FeatureLevel.Supported);
        Assert.Equal(FeatureLevel.Supported, Assert.Single(log.Raised));
    }

    [Fact]
    public async Task The_level_stays_while_one_node_reports_the_old_one_or_does_not_answer()
    {
        var log = new LowLog();
        await LookForAMinuteAsync(log, FeatureLevel.Supported, LowLog.Level);
        await LookForAMinuteAsync(log, FeatureLevel.Supported);
        Assert.Empty(log.Raised);
    }

    [Fact]
    public async Task A_held_level_is_not_raised()
    {
        var log = new LowLog { HeldBy = "ada" };
        await LookForAMinuteAsync(log, FeatureLevel.Supported, FeatureLevel.Supported);
        Assert.Empty(log.Raised);
    }

    /// <summary>Looks twice, a minute apart, while the peers report these levels.</summary>
    private async Task LookForAMinuteAsync(LowLog log, params int[] peers)
    {
        var hellos = peers.Select((level, i) => new HelloReply { Node = i + 1, FeatureLevel = level }).ToList();
        using var raiser = new LevelRaiser(
            log, (_, _) => Task.FromResult(new PeerAnswers(hellos, [])), _options, _time,
            NullLogger<LevelRaiser>.Instance);
        var common = new CommonLevel(_time);
        await raiser.LookAsync(common, default);
        Assert.Empty(log.Raised);
        _time.Advance(CommonLevel.Held);
        await raiser.LookAsync(common, default);
    }

    /// <summary>The log of a cluster one level below this build: it leads, and records what it should raise.</summary>
    private sealed class LowLog : StubLog
    {
        public const int Level = FeatureLevel.Supported - 1;

        public List<int> Raised { get; } = [];

        public string HeldBy { get; init; } = "";

        public override ClusterState State => ClusterState.Empty with { Level = Level, LevelHeldBy = HeldBy };
        public override Leadership Leadership => new(0, 1, CancellationToken.None);

        public override Task<Outcome> ProposeAsync(Command command, CancellationToken token)
        {
            Raised.Add(((Command.RaiseLevel)command).Level);
            return Task.FromResult(Outcome.Accepted);
        }
    }
}
