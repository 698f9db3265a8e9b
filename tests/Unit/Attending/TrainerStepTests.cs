using System.Collections.Immutable;
using System.Text.Json;
using Quorate.Client.Attending;
using Quorate.Rounds;
using Quorate.Shared.Protocol;
using Quorate.Unit.Tidy;

namespace Quorate.Unit.Attending;

/// <summary>tests/vectors/trainer-steps.json: what a trainer does next, in any language.</summary>
public sealed class TrainerStepTests
{
    private static readonly JsonSerializerOptions _strict = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Disallow,
        RespectRequiredConstructorParameters = true,
    };

    public static TheoryData<string> Names => [.. Vectors.Keys];

    private static Dictionary<string, Vector> Vectors { get; } = Read();

    [Theory]
    [MemberData(nameof(Names))]
    public void A_vector_leads_to_its_step(string name)
    {
        var (_, memory, announcement, step) = Vectors[name];
        Assert.Equal(StepOf(step), TrainerStep.Of(MemoryOf(memory), [.. announcement.Select(RunOf)]));
    }

    [Fact]
    public void The_vectors_show_every_kind_of_step()
    {
        var kinds = typeof(TrainerStep).GetNestedTypes().Select(type => type.Name.ToLowerInvariant()).Order();
        Assert.Equal(kinds, Vectors.Values.Select(vector => vector.Step.Kind).Distinct().Order());
    }

    [Fact]
    public void Work_under_way_is_recognised_as_training_and_as_upload()
    {
        var work = WorkOf(new("a", 1, new string('1', 64), 10));
        TrainerStep train = new TrainerStep.Train(work), upload = new TrainerStep.Upload(work);
        Assert.True(upload.IsPartOf(train));
        Assert.True(train.IsPartOf(train));
        Assert.False(train.IsPartOf(new TrainerStep.Train(work with { Round = 2 })));
        Assert.False(new TrainerStep.Wait().IsPartOf(train));
    }

    private static Dictionary<string, Vector> Read() =>
        JsonSerializer.Deserialize<Vector[]>(
            File.ReadAllText(Path.Combine(SourceFile.Root, "tests", "vectors", "trainer-steps.json")), _strict)!
        .ToDictionary(vector => vector.Name);

    private static TrainerMemory MemoryOf(Memory memory) => new()
    {
        Once = memory.Once, Prepared = IdOf(memory.Prepared), Busy = IdOf(memory.Busy),
        Trained = memory.Trained is { } trained
            ? new TrainedUpdate(WorkOf(trained), "update.pt", default, Length: 1, new Learned(1, loss: 0))
            : null,
        Settled = memory.Settled.Select(WorkOf).ToImmutableDictionary(work => work.Run),
        TurnedAway = IdOf(memory.TurnedAway),
        Refused = [.. memory.Refused.Select(RunId.Parse)], Initialised = IdOf(memory.Initialised),
    };

    private static AnnouncedRun RunOf(Announced run) => new(
        RunId.Parse(run.Run), Enum.Parse<RunPhase>(run.Phase, ignoreCase: true), run.Round, HashOf(run.Model),
        run.ModelLength, run.Member, run.Accepted, run.Resend, run.Initialise);

    private static TrainerStep StepOf(Step step) => step.Kind switch
    {
        "prepare" => new TrainerStep.Prepare(RunId.Parse(step.Run!)),
        "join" => new TrainerStep.Join(RunId.Parse(step.Run!)),
        "initialise" => new TrainerStep.Initialise(RunId.Parse(step.Run!)),
        "train" => new TrainerStep.Train(WorkOf(step.Work!)),
        "upload" => new TrainerStep.Upload(WorkOf(step.Work!)),
        "wait" => new TrainerStep.Wait(),
        "abandon" => new TrainerStep.Abandon(RunId.Parse(step.Run!)),
        "leave" => new TrainerStep.Leave(RunId.Parse(step.Run!)),
        _ => throw new FormatException($"There is no step {step.Kind}."),
    };

    private static RoundWork WorkOf(Work work) =>
        new(RunId.Parse(work.Run), work.Round, HashOf(work.Model), work.ModelLength);

    private static RunId? IdOf(string? run) => run is null ? null : RunId.Parse(run);

    private static BlobHash HashOf(string hex) => hex.Length == 0 ? default : BlobHash.FromBytes(
        Convert.FromHexString(hex));

    private sealed record Vector(string Name, Memory Memory, Announced[] Announcement, Step Step);

    private sealed record Memory(
        bool Once, string? Prepared, string? Busy, Work? Trained, Work[] Settled, string? TurnedAway, string[] Refused,
        string? Initialised = null);

    private sealed record Work(string Run, int Round, string Model, long ModelLength);

    private sealed record Announced(
        string Run, string Phase, int Round, string Model, long ModelLength, bool Member, bool Accepted, bool Resend,
        bool Initialise = false);

    private sealed record Step(string Kind, string? Run = null, Work? Work = null);
}
