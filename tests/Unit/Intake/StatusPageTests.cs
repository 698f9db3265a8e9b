using Microsoft.Extensions.Time.Testing;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Intake;
using Quorate.Coordinator.Settings;
using Quorate.Coordinator.Telemetry;
using Quorate.Rounds;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;
using Quorate.Unit.Consensus;
using Quorate.Unit.Rounds;

namespace Quorate.Unit.Intake;

/// <summary>The trail of a long run came in one reply, up to 27 MB, and anybody could ask for many at once.</summary>
public sealed class StatusPageTests
{
    private const int Models = 10_000;

    private readonly StatusView _view;
    private readonly ClusterState _state;

    public StatusPageTests()
    {
        var scene = Scene.Training("anna");
        var models = Enumerable.Range(0, Models).Select(round => new PublishedModel(
            round, Scene.Blob($"model {round}"), Length: 1_000, Contributors: 1, Examples: 100, Updates: [],
            OpenedAt: round, PublishedAt: round) { Unscored = "scoring is off" });
        _state = scene.State with
        {
            Runs = [scene.Run with { Trail = Trail.Of(models), Rules = Scene.Rules(rounds: Models + 1) }],
        };
        var options = new CoordinatorOptions
        {
            Node = 0, Run = null, DataDirectory = "", TrainerPrograms = [],
            Hosts = HostsFile.Parse("""{ "nodes": [ { "id": 0, "raft": "127.0.0.1:1", "grpc": "127.0.0.1:2" } ] }"""),
        };
        var time = new FakeTimeProvider();
        _view = new StatusView(
            new Log(), new Attendance(options, time), new OperatorNotices(),
            new LostUpdates(new Log(), blobs: null!, options), options, time);
    }

    [Fact]
    public void A_long_trail_comes_in_bounded_pages_that_together_are_the_whole()
    {
        var rounds = new Stack<int>();
        for (int before = 0; before != 0 || rounds.Count == 0; before = rounds.Peek())
        {
            var reply = Ask(new StatusRequest { Before = before });
            Assert.InRange(reply.Run.Trail.Count, 1, StatusView.TrailMax);
            Assert.InRange(reply.CalculateSize(), 1, 2 * StatusView.TrailBytesMax);
            foreach (var model in reply.Run.Trail.Reverse()) rounds.Push(model.Round);
        }
        Assert.Equal(Enumerable.Range(0, Models), rounds);
    }

    [Theory]
    [InlineData(3, 0, new[] { 9_997, 9_998, 9_999 })]
    [InlineData(2, 100, new[] { 98, 99 })]
    [InlineData(5, 2, new[] { 0, 1 })]
    public void The_newest_models_before_a_round_are_listed(int trail, int before, int[] expected) =>
        Assert.Equal(
            expected, Ask(new StatusRequest { Trail = trail, Before = before }).Run.Trail.Select(m => m.Round));

    [Fact]
    public void A_page_ends_early_where_its_models_list_many_updates()
    {
        var update = new Update(
            Scene.Id(new string('t', 63)), Scene.Blob("update"), Length: 10, Examples: 1, Metrics.None, At: 1);
        var run = _state.Runs[0];
        var full = run.Trail[Models - 1] with { Updates = [.. Enumerable.Repeat(update, 10_000)] };
        var state = _state with { Runs = [run with { Trail = run.Trail.SetItem(Models - 1, full) }] };

        Assert.Equal([Models - 1], _view.Of(state, new StatusRequest()).Run.Trail.Select(m => m.Round));
    }

    private StatusReply Ask(StatusRequest request) => _view.Of(_state, request);

    private sealed class Log : StubLog
    {
        public override ClusterState State => ClusterState.Empty;
        public override Leadership Leadership => new(0, 1, CancellationToken.None);
    }
}
