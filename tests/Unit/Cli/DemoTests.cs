using Google.Protobuf;
using Quorate.Cli;
using Quorate.Cli.Demo;
using Quorate.Cli.Show;
using Quorate.Shared.Protocol;
using Quorate.Shared.Runs;

namespace Quorate.Unit.Cli;

public class DemoTests
{
    private static UpdateStatus Update(string trainer, byte blob, long at) =>
        new() { Trainer = trainer, Blob = Blob(blob), Examples = 12_000, At = at };

    private static ByteString Blob(byte first) => ByteString.CopyFrom([first, 0x12, .. new byte[30]]);

    private static RunStatus Open(int round, params UpdateStatus[] updates)
    {
        var run = new RunStatus { Round = round, Rounds = 5, Phase = RunPhase.Training };
        run.Updates.AddRange(updates);
        return run;
    }

    [Fact]
    public void A_round_is_one_line()
    {
        var model = new ModelStatus
        {
            Round = 3, Blob = Blob(0xab), Contributors = 5, OpenedAt = 1_000, PublishedAt = 4_900,
            Score = new ScoreStatus
            {
                Metrics = { ["loss"] = 0.0612, ["accuracy"] = 0.9841, ["examples"] = 2_000 },
            },
        };
        Assert.Equal(
            "[ROUND 3/5] 5/5 updates · loss 0.061 · accuracy 98.4 % · 3.9 s · sha256 ab12…",
            ClusterText.Round(model, 5, 5));
    }

    [Fact]
    public void A_round_without_a_score_says_why()
    {
        var model = new ModelStatus { Round = 1, Blob = Blob(1), Contributors = 4, Unscored = "no test images" };
        Assert.False(ClusterText.IsJudged(new ModelStatus()));
        Assert.True(ClusterText.IsJudged(model));
        Assert.Contains("4/5 updates · not scored (no test images)", ClusterText.Round(model, 5, 5),
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_JSON_object_has_exactly_the_promised_names()
    {
        var result = new DemoResult(
            "mnist", 5, 0.987, "ab", null, "/tmp/m.pt", 41.25, [new FailoverResult(1, 2, 0.93, 3, 0)],
            new PeakRss([90.1], [310.5]));
        Assert.Equal(
            ("{'run':'mnist','rounds':5,'accuracy':0.987,'modelSha256':'ab','undisturbedSha256':null,"
                + "'modelPath':'/tmp/m.pt','seconds':41.25,'failovers':[{'killedNode':1,'newLeader':2,"
                + "'secondsToNextAccept':0.93,'updatesSafe':3,'updatesRetrained':0}],"
                + "'peakRssMb':{'coordinators':[90.1],'trainers':[310.5]}}").Replace('\'', '"'),
            result.ToJson());
    }

    [Fact]
    public void The_failover_line_names_both_leaders_and_the_safe_updates()
    {
        var failover = new Failover(1, 2, 5, 0, 0) { NewLeader = 2, Term = 3, SecondsToNextAccept = 0.9312,
            UpdatesSafe = 3 };
        Assert.Equal(
            "LEADER node 1 KILLED → node 2 leads (term 3) · next accepted update after 0.93 s · "
                + "3/5 updates safe · 0 retrained",
            failover.Line(0));
    }

    [Theory]
    [InlineData(1, 2, false)]
    [InlineData(2, 1, false)]
    [InlineData(2, 2, true)]
    [InlineData(2, 5, false)]
    [InlineData(3, 3, true)]
    public void The_leader_is_killed_when_some_but_not_all_updates_are_accepted(int round, int accepted, bool now)
    {
        var updates = Enumerable.Range(0, accepted).Select(i => Update($"{i}", (byte)i, 1)).ToArray();
        var reply = new StatusReply { Leader = true, Run = Open(round, updates) };
        Assert.Equal(now, KillPlan.Once(rounds: 5, trainers: 5)[0].IsNow(reply, trainers: 5));
    }

    [Fact]
    public void The_same_seed_draws_the_same_kills_in_order_and_within_the_run()
    {
        var kills = KillPlan.Drawn(50, seed: 7, rounds: 5, trainers: 3);
        Assert.Equal(kills, KillPlan.Drawn(50, seed: 7, rounds: 5, trainers: 3));
        Assert.NotEqual(kills, KillPlan.Drawn(50, seed: 8, rounds: 5, trainers: 3));
        Assert.Equal(kills.OrderBy(k => k.Round).ThenBy(k => k.Accepted), kills);
        Assert.All(kills, k => Assert.True(k is { Round: >= 1 and <= 5, Accepted: >= 0 and <= 2 }));
    }

    [Fact]
    public void An_update_is_new_only_the_first_time_any_node_shows_it()
    {
        var accepted = new AcceptedUpdates();
        Assert.Single(accepted.Observe(Open(2, Update("0", 1, 10))));
        Assert.Equal("1", Assert.Single(accepted.Observe(Open(2, Update("0", 1, 10), Update("1", 2, 20)))).Trainer);
        Assert.Empty(accepted.Observe(Open(2, Update("0", 1, 10))));
        Assert.Equal(1, accepted.CountUntil(2, 10));
        Assert.Equal(2, accepted.Count(2));
    }

    [Fact]
    public void An_accepted_update_that_a_round_did_not_average_is_lost()
    {
        var accepted = new AcceptedUpdates();
        accepted.Observe(Open(2, Update("0", 1, 10), Update("1", 2, 20)));
        var model = new ModelStatus { Round = 2, Contributors = 2 };
        model.Updates.AddRange([Update("0", 1, 10), Update("1", 2, 20)]);
        var ended = new RunStatus { Round = 2, Trail = { model } };
        Assert.Empty(accepted.LostFrom(ended));

        model.Updates[1] = Update("1", 9, 20);
        Assert.Contains("1's update is 0912", Assert.Single(accepted.LostFrom(ended)), StringComparison.Ordinal);
        model.Updates.RemoveAt(1);
        model.Contributors = 1;
        Assert.Contains("averaged 1 update, but 2", Assert.Single(accepted.LostFrom(ended)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_round_that_a_trainer_trained_twice_is_found_in_its_log() =>
        Assert.Equal([2], ChildProcess.RoundsTrainedTwice(
        [
            "info: trained round 1: 12000 examples, loss 0.2, 1.9 s",
            "info: trained round 2: 12000 examples, loss 0.1, 1.9 s",
            "warn: trained round x",
            "info: trained round 2: 12000 examples, loss 0.1, 1.9 s",
            "info: trained round 12: 12000 examples, loss 0.1, 1.9 s",
        ]));

    [Theory]
    [InlineData(null, null, 5, 5, 12_000)]
    [InlineData(2, null, 2, 5, 12_000)]
    [InlineData(null, 3, 5, 3, 12_000)]
    [InlineData(1, 10, 1, 10, 6_000)]
    public void More_trainers_get_smaller_shards(int? rounds, int? trainers, int roundsThen, int trainersThen,
        int examples)
    {
        var run = RunOverrides.Apply(RunFile.Parse(Run), rounds, trainers);
        Assert.Equal(roundsThen, run.Rules.Rounds);
        Assert.Equal((trainersThen, trainersThen), (run.Rules.MinTrainers, run.Rules.MinResults));
        Assert.Equal((trainersThen, examples), (run.Training!.Data.Shards, run.Training.Data.ShardExamples));
        Assert.True(Path.IsPathRooted(run.Training.Data.Path));
    }

    [Fact]
    public void A_folder_that_cannot_be_written_is_refused_with_what_helps()
    {
        string file = Path.GetTempFileName();
        var refusal = Assert.Throws<CommandException>(() => DemoPlace.Take(Path.Combine(file, "run")));
        Assert.StartsWith($"The demo cannot keep its model in {file}/run: ", refusal.Message, StringComparison.Ordinal);
        Assert.EndsWith(DemoPlace.Advice, refusal.Message, StringComparison.Ordinal);
        Assert.Equal(ExitCode.BadInput, refusal.Code);
        File.Delete(file);
    }

    [Fact]
    public void Two_demos_at_once_keep_their_models_apart()
    {
        var folder = Directory.CreateTempSubdirectory("quorate-test-");
        using (var one = DemoPlace.Take(folder.FullName))
        using (var two = DemoPlace.Take(folder.FullName))
            Assert.Equal(["demo", "demo-2"], new[] { one.Path, two.Path }.Select(path => Path.GetFileName(path)));
        using (var next = DemoPlace.Take(folder.FullName)) Assert.Equal("demo", Path.GetFileName(next.Path));
        folder.Delete(recursive: true);
    }

    private const string Run = """
        { "name": "mnist", "rounds": 5, "minTrainers": 5, "seed": 1,
          "training": {
            "model": "lenet5",
            "data": { "set": "mnist", "path": "data/mnist", "shards": 5, "shardExamples": 12000 },
            "local": { "epochs": 1 }, "batch": 32, "optimiser": { "name": "sgd", "learningRate": 0.05 } },
          "scoring": { "images": 2000 } }
        """;
}
