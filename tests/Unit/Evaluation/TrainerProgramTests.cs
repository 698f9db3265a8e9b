using Microsoft.Extensions.Time.Testing;
using Quorate.Coordinator.Evaluation;
using Quorate.Coordinator.Settings;
using Quorate.Rounds;
using Quorate.Shared.Hosts;
using Quorate.Unit.Tidy;

namespace Quorate.Unit.Evaluation;

/// <summary>
/// A coordinator and its trainer program, with trainer.sh in its place: a plan's text says how it behaves, a score's
/// images are its process id, and its loss is the number of its earlier answers.
/// </summary>
public sealed class TrainerProgramTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly CancellationTokenSource _bound = new(TimeSpan.FromSeconds(60));
    private readonly TrainerProgram _trainer;

    public TrainerProgramTests() =>
        _trainer = Program(Path.Combine(SourceFile.Root, "tests/Unit/Evaluation/trainer.sh"));

    public void Dispose()
    {
        _trainer.Dispose();
        _bound.Dispose();
    }

    [Fact]
    public async Task One_process_makes_the_initial_model_and_all_scores()
    {
        await _trainer.MakeInitialModelAsync("SERVED", "model", _bound.Token);
        Metrics first = await ScoreAsync("SERVED"), second = await ScoreAsync("SERVED by another plan");
        Assert.Equal((1, 2), (first[Metrics.Loss], second[Metrics.Loss]));
        Assert.Equal(first[Metrics.Examples], second[Metrics.Examples]);
    }

    [Fact]
    public async Task A_stopped_child_is_gone_and_the_next_request_starts_another()
    {
        int before = (int)(await ScoreAsync("SERVED"))[Metrics.Examples];
        _trainer.StopChild();
        while (Directory.Exists($"/proc/{before}") && !_bound.IsCancellationRequested) await Task.Yield();
        Assert.False(_bound.IsCancellationRequested, "The process is still there.");
        Assert.Equal(0, (await ScoreAsync("SERVED"))[Metrics.Loss]);
    }

    /// <summary>It said "No process is associated with this object".</summary>
    [Fact]
    public async Task A_child_that_is_stopped_at_work_says_so()
    {
        await ScoreAsync("SERVED");
        var asked = ScoreAsync("HANGS");
        _trainer.StopChild();
        var fault = await Assert.ThrowsAsync<TrainerProgramException>(() => asked);
        Assert.Equal("The trainer program was stopped: nothing needs its work any more.", fault.Message);
    }

    [Theory]
    [InlineData("DIES", "ended with code 7: out of luck", false)]
    [InlineData("REFUSES", "ended with code 2: the data set is missing", true)]
    [InlineData("GARBAGE", "printed no answer: ", false)]
    [InlineData("IMPOSSIBLE", "printed an impossible score: ", false)]
    [InlineData("ANOTHERS", "printed no answer: it answers another request than 2", false)]
    [InlineData("FLOODS", "printed more than 65536 characters on a line", false)]
    public async Task A_fault_costs_one_answer_and_ends_the_process(string plan, string reason, bool bad)
    {
        int before = (int)(await ScoreAsync("SERVED"))[Metrics.Examples];
        var fault = await Assert.ThrowsAsync<TrainerProgramException>(() => ScoreAsync(plan));
        Assert.Contains(reason, fault.Message, StringComparison.Ordinal);
        Assert.Equal(bad, fault.IsBadInput);
        Metrics next = await ScoreAsync("SERVED");
        Assert.Equal(0, next[Metrics.Loss]);
        Assert.NotEqual(before, (int)next[Metrics.Examples]);
    }

    [Theory]
    [InlineData("UNFIT", "it is no model", true)]
    [InlineData("PASSES", "the disk is full", false)]
    public async Task A_refusal_in_words_costs_one_answer_and_keeps_the_process(string plan, string reason, bool bad)
    {
        var fault = await Assert.ThrowsAsync<TrainerProgramException>(() => ScoreAsync(plan));
        Assert.Equal((reason, bad), (fault.Message, fault.IsBadInput));
        int before = (int)(await ScoreAsync("SERVED"))[Metrics.Examples];
        await Assert.ThrowsAsync<TrainerProgramException>(() => ScoreAsync(plan));
        Assert.Equal(before, (int)(await ScoreAsync("SERVED"))[Metrics.Examples]);
    }

    [Fact]
    public async Task A_process_that_hangs_is_ended_after_its_time_limit()
    {
        var hanging = ScoreAsync("HANGS");
        _time.Advance(TimeSpan.FromSeconds(301));
        var fault = await Assert.ThrowsAsync<TrainerProgramException>(() => hanging);
        Assert.Contains("longer than 300 s", fault.Message, StringComparison.Ordinal);
        Assert.Equal(0, (await ScoreAsync("SERVED"))[Metrics.Loss]);
    }

    [Fact]
    public async Task The_answer_to_an_abandoned_request_is_never_given_to_the_next_one()
    {
        using var leading = new CancellationTokenSource();
        var deposed = _trainer.ScoreAsync("HANGS", "model", 1, leading.Token);
        await leading.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => deposed);
        Assert.Equal(0, (await ScoreAsync("SERVED"))[Metrics.Loss]);
    }

    [Fact]
    public async Task Stopping_the_child_ends_its_pending_request()
    {
        var hanging = ScoreAsync("HANGS");
        _trainer.StopChild();
        await Assert.ThrowsAsync<TrainerProgramException>(() => hanging);
    }

    [Fact]
    public async Task Output_to_standard_error_does_not_block_an_answer() =>
        Assert.Equal(1, (await ScoreAsync("CHATS"))[Metrics.Examples]);

    [Fact]
    public async Task A_missing_program_is_reported()
    {
        using var trainer = Program("/no/such/program");
        await Assert.ThrowsAsync<TrainerProgramException>(
            () => trainer.ScoreAsync("SERVED", "model", 1, _bound.Token));
    }

    [Fact]
    public void A_program_that_is_built_later_is_found()
    {
        string path = Path.Combine(Path.GetTempPath(), $"quorate-{Guid.NewGuid():N}");
        using var trainer = Program(path);
        Assert.False(trainer.Exists);
        File.WriteAllText(path, "");
        Assert.True(trainer.Exists);
        File.Delete(path);
    }

    private Task<Metrics> ScoreAsync(string plan) => _trainer.ScoreAsync(plan, "model", 1, _bound.Token);

    private TrainerProgram Program(string path) => new(
        new CoordinatorOptions
        {
            Node = 0, Run = null, DataDirectory = "", TrainerPrograms = [path],
            Hosts = HostsFile.Parse("""{"nodes":[{"id":0,"raft":"127.0.0.1:1","grpc":"127.0.0.1:2"}]}"""),
        },
        _time);
}
