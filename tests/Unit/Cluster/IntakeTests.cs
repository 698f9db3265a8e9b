using Grpc.Core;
using Quorate.Pt;
using Quorate.Rounds;
using Quorate.Shared.Protocol;
using Quorate.Unit.Pt;

namespace Quorate.Unit.Cluster;

/// <summary>What a coordinator answers, and that a refusal changes nothing. One node is a whole cluster here.</summary>
public sealed class IntakeTests : IAsyncLifetime
{
    private const string TwoTrainers =
        """{ "name": "test", "rounds": 2, "minTrainers": 2, "minResults": 2, "seed": 1, "keepUpdateRounds": 2 }""";

    private TestCluster _cluster = null!;
    private TestTrainer _anna = null!, _bert = null!;

    public async Task InitializeAsync()
    {
        _cluster = await TestCluster.StartAsync(nodes: 1, TwoTrainers);
        await _cluster.StatusAsync(run => run.Phase == RunPhase.Preparing, "the run");
        _anna = new TestTrainer(_cluster[0], "anna", incarnation: 1);
        _bert = new TestTrainer(_cluster[0], "bert", incarnation: 2);
    }

    public Task DisposeAsync() => _cluster.DisposeAsync().AsTask();

    [Fact]
    public async Task Two_updates_become_the_weighted_mean_and_the_next_round_opens()
    {
        await OpenRoundAsync();

        Assert.Equal(VerdictCode.Accepted, (await _anna.UpdateAsync(TestTrainer.Weights(1), examples: 30)).Verdict);
        Assert.Equal(VerdictCode.Accepted, (await _bert.UpdateAsync(TestTrainer.Weights(5), examples: 10)).Verdict);

        var status = await _cluster.StatusAsync(run => run.Round == 2, "round 2");
        var model = status.Run.Trail[^1];
        Assert.Equal((2, 40L), (model.Contributors, model.Examples));
        Assert.Equal(BlobHash.Of(TestTrainer.Weights(2)), BlobHash.FromBytes(model.Blob.Span)); // (30·1 + 10·5) / 40
    }

    [Fact]
    public async Task The_same_update_again_is_a_duplicate_before_and_after_its_round_is_published()
    {
        await OpenRoundAsync();
        byte[] update = TestTrainer.Weights(1);
        Assert.Equal(VerdictCode.Accepted, (await _anna.UpdateAsync(update)).Verdict);
        Assert.Equal(VerdictCode.Duplicate, (await _anna.UpdateAsync(update)).Verdict);
        await _bert.UpdateAsync(TestTrainer.Weights(5));
        await _cluster.StatusAsync(run => run.Round == 2, "round 2");
        Assert.Equal(VerdictCode.Duplicate, (await _anna.UpdateAsync(update)).Verdict);
    }

    [Fact]
    public async Task A_second_different_update_under_the_same_key_is_rejected()
    {
        await OpenRoundAsync();
        await _anna.UpdateAsync(TestTrainer.Weights(1));
        await RefusedAsync(() => _anna.UpdateAsync(TestTrainer.Weights(2)), VerdictCode.Rejected,
            "has another update in round 1");
    }

    [Fact]
    public async Task An_update_of_a_closed_round_is_stale()
    {
        await OpenRoundAsync();
        await _anna.UpdateAsync(TestTrainer.Weights(1));
        await _bert.UpdateAsync(TestTrainer.Weights(5));
        // Its score, or here the reason for its absence, is the last fact of round 1. The state does not change after
        // it.
        await _cluster.StatusAsync(run => run.Round == 2 && run.Trail[^1].Unscored.Length > 0, "the end of round 1");
        var carl = new TestTrainer(_cluster[0], "carl", incarnation: 3);
        await carl.JoinAsync();
        await RefusedAsync(() => carl.UpdateAsync(TestTrainer.Weights(1), round: 1), VerdictCode.Stale,
            "Round 1 is closed");
    }

    public static TheoryData<string, byte[], string> BadFiles => new()
    {
        { "other shape", Of(PtFixtures.Info("w", TensorType.Float32, 3, 2), TestTrainer.Schema[1]), "shape" },
        { "other name", Of(PtFixtures.Info("v", TensorType.Float32, 2, 3), TestTrainer.Schema[1]), "w" },
        { "other type", Of(PtFixtures.Info("w", TensorType.Float64, 2, 3), TestTrainer.Schema[1]), "w" },
        { "missing tensor", Of(TestTrainer.Schema[0]), "b" },
        { "extra tensor", Of([.. TestTrainer.Schema, PtFixtures.Info("x", TensorType.Float32, 1)]), "x" },
        { "NaN", TestTrainer.Weights(float.NaN), "NaN or Inf" },
        { "infinity", TestTrainer.Weights(float.NegativeInfinity), "NaN or Inf" },
        { "no zip", "hello"u8.ToArray(), "" },
        { "forbidden global", Pickle.Archive(
            Pickle.Protocol + "cposix\nsystem\n(" + Pickle.Text("touch /tmp/quorate-evil") + "tR."), "posix.system" },
    };

    [Theory]
    [MemberData(nameof(BadFiles))]
    public async Task A_bad_file_is_rejected_with_its_reason_and_changes_nothing(string what, byte[] file,
        string reason)
    {
        await OpenRoundAsync();
        await RefusedAsync(() => _anna.UpdateAsync(file), VerdictCode.Rejected, reason);
        Assert.False(File.Exists("/tmp/quorate-evil"), what);
    }

    public static TheoryData<string, Action<UploadHeader>, string> BadHeaders => new()
    {
        { "zero examples", h => h.Update.Examples = 0, "Examples must be 1 to" },
        { "negative examples", h => h.Update.Examples = -5, "Examples must be 1 to" },
        { "too many examples", h => h.Update.Examples = Limits.Examples + 1, "Examples must be 1 to" },
        { "a round that is not open", h => h.Update.Round = 2, "Round 2 is not open" },
        { "a negative round", h => h.Update.Round = int.MinValue, "" },
        { "an unknown run", h => h.Update.Run = "other", "no run 'other'" },
        { "a run name that is a path", h => h.Update.Run = "../test", "no valid run" },
        { "a trainer id that is a path", h => h.Update.Trainer = "../../anna", "no valid trainer id" },
        { "a trainer that has not joined", h => h.Update.Trainer = "zoe", "join first" },
        { "another process under the id", h => h.Update.Incarnation = 99, "in use by another process" },
        { "a length far above the model's", h => h.Length = 1L << 40, "bytes" },
        { "a negative length", h => h.Length = -1, "bytes" },
        { "a hash of 31 bytes",
            h => h.Blob = h.Blob.Span[..31].ToArray() is var b ? Google.Protobuf.ByteString.CopyFrom(b) : null, "32" },
        { "no purpose", h => h.Update = null, "update or a seed" },
    };

    [Theory]
    [MemberData(nameof(BadHeaders))]
    public async Task A_bad_header_is_refused_with_its_reason_and_changes_nothing(string what,
        Action<UploadHeader> spoil, string reason)
    {
        await OpenRoundAsync();
        byte[] update = TestTrainer.Weights(1);
        var header = _anna.Header(update);
        spoil(header);
        var before = await StateAsync();
        var reply = await TestTrainer.SendAsync(_cluster[0], update, header);
        Assert.True(reply.Verdict is VerdictCode.Rejected or VerdictCode.Stale, $"{what}: {reply}");
        Assert.Contains(reason, reply.Reason, StringComparison.Ordinal);
        Assert.Equal(before, await StateAsync());
    }

    [Fact]
    public async Task A_first_model_that_could_not_be_averaged_is_rejected_and_a_better_one_is_accepted_after_it()
    {
        byte[] endless = Pickle.Tied(10_000, Enumerable.Range(0, 100).Select(i => $"w{i}"));
        await RefusedAsync(() => TestTrainer.SeedAsync(_cluster[0], endless), VerdictCode.Rejected,
            "show 1000000 bytes");
        await OpenRoundAsync();
    }

    [Fact]
    public async Task A_wrong_hash_is_rejected_and_the_right_bytes_are_accepted_after_it()
    {
        await OpenRoundAsync();
        byte[] update = TestTrainer.Weights(1), other = TestTrainer.Weights(2);
        await RefusedAsync(
            () => TestTrainer.SendAsync(_cluster[0], other, _anna.Header(update)), VerdictCode.Rejected,
            "wrong SHA-256");
        Assert.Equal(VerdictCode.Accepted, (await _anna.UpdateAsync(update)).Verdict);
    }

    [Fact]
    public async Task A_damaged_part_is_requested_again()
    {
        await OpenRoundAsync();
        byte[] update = TestTrainer.Weights(1);
        var before = await StateAsync();
        var reply = await TestTrainer.SendAsync(_cluster[0], [(update, true)], _anna.Header(update));
        Assert.Equal((VerdictCode.Incomplete, 0L), (reply.Verdict, reply.Have));
        Assert.Equal(before, await StateAsync());
        Assert.Equal(VerdictCode.Accepted, (await _anna.UpdateAsync(update)).Verdict);
    }

    [Fact]
    public async Task A_truncated_upload_is_rejected_and_the_whole_one_is_accepted_after_it()
    {
        await OpenRoundAsync();
        byte[] update = TestTrainer.Weights(1);
        await RefusedAsync(
            () =>
                TestTrainer.SendAsync(_cluster[0], update[..100],
                    _anna.Header(update)), VerdictCode.Rejected, "ended after 100 of");
        Assert.Equal(VerdictCode.Accepted, (await _anna.UpdateAsync(update)).Verdict);
    }

    [Fact]
    public async Task After_a_damaged_second_part_the_upload_continues_behind_the_first()
    {
        await OpenRoundAsync();
        byte[] update = TestTrainer.Weights(1);
        var header = _anna.Header(update);
        var reply = await TestTrainer.SendAsync(_cluster[0], [(update[..100], false), (update[100..], true)], header);
        Assert.Equal((VerdictCode.Incomplete, 100L), (reply.Verdict, reply.Have));
        Assert.Equal(100, (await _cluster[0].Transfer.Offer(header, CancellationToken.None)).Have);
        reply = await TestTrainer.SendAsync(_cluster[0], [(update[100..], false)], header, offset: 100);
        Assert.Equal(VerdictCode.Accepted, reply.Verdict);
    }

    [Fact]
    public async Task An_update_is_not_rejected_when_the_model_is_damaged_on_this_node()
    {
        await OpenRoundAsync();
        string name = BlobHash.Of(TestTrainer.Weights(0)).ToString();
        string model = Path.Combine(_cluster.Options(0).DataDirectory, "blobs", name[..2], name);
        byte[] bytes = await File.ReadAllBytesAsync(model);
        byte[] rotten = [.. bytes];
        rotten[^30] ^= 0x80; // In the archive's directory, after the weights.
        await File.WriteAllBytesAsync(model, rotten);

        var answer = await Assert.ThrowsAsync<RpcException>(() => _anna.UpdateAsync(TestTrainer.Weights(1)));

        Assert.Equal(StatusCode.Unavailable, answer.StatusCode);
        Assert.Contains("is damaged on this node", answer.Status.Detail, StringComparison.Ordinal);
        await File.WriteAllBytesAsync(model, bytes); // As a pull from a peer would.
        Assert.Equal(VerdictCode.Accepted, (await _anna.UpdateAsync(TestTrainer.Weights(1))).Verdict);
    }

    [Fact]
    public async Task A_trainer_id_in_use_by_a_live_trainer_is_refused_until_that_one_is_gone()
    {
        await OpenRoundAsync();
        var second = new TestTrainer(_cluster[0], "anna", incarnation: 7);
        using var newer = second.Attend(); // As every trainer does before it joins.
        using (var older = _anna.Attend())
        {
            for (int beat = 0; beat < 3; beat++)
            {
                Assert.True((await BeatAsync(_anna, older)).Member);
                Assert.False((await BeatAsync(second, newer)).Member);
                long index = (await StateAsync()).Index;
                await RefusedAsync(() => second.JoinAsync(), VerdictCode.Rejected, "in use by a live trainer");
                Assert.Equal(index, (await StateAsync()).Index); // Its repeated requests must not fill the log.
                Assert.Equal(VerdictCode.Duplicate, (await _anna.JoinAsync()).Verdict);
            }
        } // Killed: its stream breaks.
        await TestCluster.UntilAsync(
            async _ => (await second.JoinAsync()) is { Verdict: VerdictCode.Accepted } reply
                ? reply
                : null, "the id to be free");
        await RefusedAsync(() => _anna.JoinAsync(), VerdictCode.Rejected, "in use by a live trainer");
    }

    [Fact]
    public async Task An_attending_trainer_learns_its_round_and_its_model()
    {
        await OpenRoundAsync();
        using var stream = _anna.Attend();
        var announcement = await BeatAsync(_anna, stream);
        Assert.Equal((RunPhase.Training, 1, true), (announcement.Phase, announcement.Round, announcement.Member));
        Assert.Equal(BlobHash.Of(TestTrainer.Weights(0)), BlobHash.FromBytes(announcement.Model.Span));
    }

    [Fact]
    public async Task Below_the_threshold_the_run_waits_and_says_for_whom()
    {
        await TestTrainer.SeedAsync(_cluster[0], TestTrainer.Weights(0));
        await _anna.JoinAsync();
        var status = await _cluster.StatusAsync(run => run.Present == 1, "anna");
        Assert.Equal(RunPhase.Waiting, status.Run.Phase);
        Assert.Equal("Waiting for 1 more trainer; 1 of 2 is present.", status.Run.WaitingFor);
    }

    [Fact]
    public async Task A_download_of_an_unknown_hash_is_not_found_and_says_which()
    {
        using var call = _cluster[0].Transfer.Download(
            new DownloadRequest { Blob = _anna.Header([1, 2, 3]).Blob }, CancellationToken.None);
        var refusal = await Assert.ThrowsAsync<RpcException>(
            () => call.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(StatusCode.NotFound, refusal.StatusCode);
        Assert.Contains(BlobHash.Of([1, 2, 3]).Short, refusal.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_bad_run_file_is_refused_with_every_error()
    {
        var request = new OpenRunRequest { RunFile = """{ "name": "X!", "rounds": 0 }""" };
        var reply = await _cluster[0].Admin.OpenRunAsync(request);
        Assert.Equal(VerdictCode.Rejected, reply.Verdict);
        Assert.Contains("name", reply.Reason, StringComparison.Ordinal);
        Assert.Contains("rounds", reply.Reason, StringComparison.Ordinal);
    }

    /// <summary>Round 1 is open for anna and bert, from a model of zeros.</summary>
    private async Task OpenRoundAsync()
    {
        Assert.Equal(VerdictCode.Accepted, (await TestTrainer.SeedAsync(_cluster[0], TestTrainer.Weights(0))).Verdict);
        await _anna.JoinAsync();
        await _bert.JoinAsync();
        await _cluster.StatusAsync(run => run.Phase == RunPhase.Training, "round 1");
    }

    private static async Task<RunAnnouncement> BeatAsync(
        TestTrainer trainer, AsyncDuplexStreamingCall<Heartbeat, Announcement> stream)
    {
        await stream.RequestStream.WriteAsync(trainer.Heartbeat());
        Assert.True(await stream.ResponseStream.MoveNext(CancellationToken.None));
        return Assert.Single(stream.ResponseStream.Current.Runs);
    }

    private async Task RefusedAsync(Func<Task<VerdictReply>> say, VerdictCode verdict, string reason)
    {
        var (index, chain, updates) = await StateAsync();
        var reply = await say();
        Assert.Equal(verdict, reply.Verdict);
        Assert.Contains(reason, reply.Reason, StringComparison.Ordinal);
        var after = await StateAsync();
        // The state machine's own refusals may be in the log, but they must not change the runs.
        Assert.Equal(updates, after.Updates);
        Assert.True(after.Index == index ? after.Chain == chain : after.Index > index);
    }

    private async Task<(long Index, string Chain, string Updates)> StateAsync()
    {
        var status = await _cluster[0].Federation.StatusAsync(new StatusRequest());
        foreach (var trainer in status.Run.Trainers) (trainer.SilentMs, trainer.Activity) = (0, Activity.Idle);
        return (status.Index, status.Chain.ToBase64(), status.Run.ToString());
    }

    private static byte[] Of(params TensorInfo[] schema) =>
        PtFixtures.Write([.. schema.Select(info => (info, new byte[info.Bytes]))]);
}
