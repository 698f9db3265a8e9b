using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Intake;
using Quorate.Coordinator.Settings;
using Quorate.Rounds;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;
using Quorate.Unit.Cluster;
using Quorate.Unit.Consensus;
using Quorate.Unit.Rounds;

namespace Quorate.Unit.Intake;

public sealed class LeasesTests : IDisposable
{
    private static readonly CoordinatorOptions _options = new()
    {
        Node = 0, Run = null, DataDirectory = "", TrainerPrograms = [], Lease = TimeSpan.FromSeconds(10),
        Hosts = HostsFile.Parse(
            """{ "nodes": [ { "id": 0, "raft": "127.0.0.1:1", "grpc": "127.0.0.1:2" } ] }"""),
    };

    private readonly FakeTimeProvider _time = new();
    private readonly Scene _scene = Scene.Training("anna", "bert");
    private readonly LeadingLog _log;
    private readonly Attendance _attendance;
    private readonly Leases _leases;

    public LeasesTests()
    {
        _log = new LeadingLog(_scene.State);
        _attendance = new Attendance(_options, _time);
        _leases = new Leases(_log, _attendance, _options, _time, NullLogger<Leases>.Instance);
    }

    private Trainer Anna => _scene.State.Runs[0].Trainers[Scene.Id("anna")];
    private Trainer Bert => _scene.State.Runs[0].Trainers[Scene.Id("bert")];

    public void Dispose()
    {
        _leases.Dispose();
        _log.Dispose();
    }

    [Fact]
    public async Task Every_lease_restarts_when_a_leadership_was_lost_however_briefly()
    {
        await _leases.StartAsync(default);
        await AnnaIsAwaitedAsync();
        Hear(Anna);
        _time.Advance(TimeSpan.FromSeconds(9));
        _log.LeadAgain();
        await AnnaIsAwaitedAsync();
        await _leases.StopAsync(default);

        _time.Advance(_options.Lease);
        await _leases.PassAsync(default);
        Assert.Empty(_log.Left);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        await _leases.PassAsync(default);
        Assert.Equal([Anna.Id, Bert.Id], _log.Left);
    }

    [Fact]
    public async Task A_member_without_a_heartbeat_has_a_full_lease_from_the_first_look()
    {
        _time.Advance(TimeSpan.FromHours(1));
        await _leases.PassAsync(default);
        Assert.False(_attendance.IsGone(Anna));
        _time.Advance(_options.Lease);
        Hear(Bert);
        await _leases.PassAsync(default);
        Assert.Empty(_log.Left);

        _time.Advance(TimeSpan.FromMilliseconds(1));
        await _leases.PassAsync(default);
        Assert.True(_attendance.IsGone(Anna));
        Assert.Equal([Anna.Id], _log.Left);
    }

    [Fact]
    public async Task A_silent_trainer_leaves_every_active_run_that_it_is_in()
    {
        _scene.Do(new Command.LimitActiveRuns(2, 1)).IsAccepted();
        _scene.Open("other").IsAccepted();
        _scene.Do(new Command.Join(RunId.Parse("other"), Anna.Id, Anna.Incarnation, 0, 5, 1)).IsAccepted();
        using var log = new LeadingLog(_scene.State);
        using var leases = new Leases(log, _attendance, _options, _time, NullLogger<Leases>.Instance);
        await leases.PassAsync(default);
        _time.Advance(_options.Lease * 1.1);
        Hear(Bert);
        await leases.PassAsync(default);
        Assert.Equal([Anna.Id, Anna.Id], log.Left);
    }

    [Fact]
    public async Task A_second_process_neither_keeps_a_silent_member_nor_makes_one_gone()
    {
        Hear(Anna);
        Hear(Bert);
        Hear(Anna with { Incarnation = 7 });
        Assert.False(_attendance.IsGone(Anna));

        _time.Advance(_options.Lease * 1.1);
        Hear(Bert);
        Hear(Anna with { Incarnation = 7 });
        Assert.True(_attendance.IsGone(Anna));
        await _leases.PassAsync(default);
        Assert.Equal([Anna.Id], _log.Left);
    }

    /// <summary>
    /// When every new leader made it wait for a lease, a restarted trainer stayed out under many leaders.
    /// </summary>
    [Fact]
    public async Task A_member_without_a_heartbeat_yields_to_a_process_that_attends_and_to_no_other()
    {
        var again = Anna with { Incarnation = 7 };
        await _leases.PassAsync(default);
        Assert.False(_attendance.YieldsTo(Anna, again.Incarnation));
        Hear(again);
        Assert.True(_attendance.YieldsTo(Anna, again.Incarnation));
        Hear(Anna);
        Assert.False(_attendance.YieldsTo(Anna, again.Incarnation));
    }

    [Fact]
    public async Task Processes_that_left_are_forgotten_and_members_and_attending_guests_are_not()
    {
        object stream = Hear(Anna);
        _attendance.Ended(Anna.Id, Anna.Incarnation, stream);
        var guest = Anna with { Id = Scene.Id("guest") };
        Hear(guest);
        var strangers = Enumerable.Range(0, 1000).Select(i => guest with { Id = Scene.Id($"stranger-{i}") }).ToList();
        foreach (var stranger in strangers) _attendance.Ended(stranger.Id, stranger.Incarnation, Hear(stranger));

        await _leases.PassAsync(default);

        Assert.All(strangers, stranger => Assert.Null(_attendance.Find(stranger)));
        Assert.True(_attendance.IsGone(Anna));
        Assert.NotNull(_attendance.Find(guest));
    }

    [Fact]
    public void The_late_end_of_an_old_stream_does_not_make_a_trainer_gone_that_attends_on_a_new_one()
    {
        object old = Hear(Anna), young = Hear(Anna);
        _attendance.Ended(Anna.Id, Anna.Incarnation, old);
        Assert.False(_attendance.IsGone(Anna));
        _attendance.Ended(Anna.Id, Anna.Incarnation, young);
        Assert.True(_attendance.IsGone(Anna));
    }

    /// <summary>A heartbeat on its own stream.</summary>
    private object Hear(Trainer trainer)
    {
        object stream = new();
        _attendance.Record(trainer.Id, new Heartbeat { Incarnation = trainer.Incarnation }, stream);
        return stream;
    }

    private Task<Attendance.Sighting> AnnaIsAwaitedAsync() => TestCluster.UntilAsync(
        _ => Task.FromResult(_attendance.Find(Anna) is { Contact: Attendance.Contact.Awaited } seen ? seen : null),
        "a lease that restarts");

    /// <summary>A log that always leads, accepts every proposal and applies none.</summary>
    private sealed class LeadingLog(ClusterState state) : StubLog, IDisposable
    {
        private CancellationTokenSource _leading = new();

        /// <summary>The trainers it was told to remove.</summary>
        public List<TrainerId> Left { get; } = [];

        public override ClusterState State => state;
        public override Leadership Leadership => new(0, 1, _leading.Token);

        public void LeadAgain()
        {
            var old = _leading;
            _leading = new CancellationTokenSource();
            old.Cancel();
            old.Dispose();
        }

        public void Dispose() => _leading.Dispose();

        public override Task<Outcome> ProposeAsync(Command command, CancellationToken token)
        {
            Left.Add(((Command.Leave)command).Trainer);
            return Task.FromResult(Outcome.Accepted);
        }
    }
}
