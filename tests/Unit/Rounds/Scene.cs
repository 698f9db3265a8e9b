using System.Text;
using Quorate.Rounds;

namespace Quorate.Unit.Rounds;

/// <summary>
/// A single replica. Every command is encoded, decoded and applied, as in the log. After each one the invariants are
/// checked, and that a refusal changed nothing.
/// </summary>
internal sealed class Scene
{
    public static readonly RunId Digits = RunId.Parse("digits");

    public ClusterState State { get; private set; } = ClusterState.Empty;
    public Run Run => State.Runs[^1];

    /// <summary>The time of every proposal; tests that check times change it.</summary>
    public long Now { get; set; } = 1000;

    public static RunRules Rules(
        int rounds = 3, int minTrainers = 2, int minResults = 1, int keepUpdateRounds = 2, int keepModels = 2) => new()
    {
        Rounds = rounds, MinTrainers = minTrainers, MinResults = minResults, Deadline = TimeSpan.FromMinutes(10),
        Grace = TimeSpan.FromSeconds(30), KeepUpdateRounds = keepUpdateRounds, KeepModels = keepModels,
    };

    /// <summary>A scene whose run has its initial model and waits for its first trainers.</summary>
    public static Scene Prepared(RunRules? rules = null)
    {
        var scene = new Scene();
        scene.Open(rules: rules).IsAccepted();
        scene.Publish(0).IsAccepted();
        return scene;
    }

    /// <summary>A scene in round 1 with these trainers present; all of them are needed.</summary>
    public static Scene Training(params string[] trainers)
    {
        var scene = Prepared(Rules(minTrainers: trainers.Length));
        foreach (string trainer in trainers) scene.Join(trainer).IsAccepted();
        Assert.Equal((Phase.Training, 1), (scene.Run.Phase, scene.Run.Round));
        return scene;
    }

    public static BlobHash Blob(string content) => BlobHash.Of(Encoding.UTF8.GetBytes(content));
    public static byte[] Bytes(Command command) => CommandCodec.Encode(command, FeatureLevel.First);
    public static TrainerId Id(string trainer) => TrainerId.Parse(trainer);

    public Outcome Open(string run = "digits", RunRules? rules = null, string plan = "{}") =>
        Do(new Command.OpenRun(RunId.Parse(run), rules ?? Rules(), plan, Now));

    public Outcome Join(string trainer, ulong incarnation = 1, ulong replaces = 0, long examples = 100) =>
        Do(new Command.Join(Digits, Id(trainer), incarnation, replaces, examples, Now));

    public Outcome Leave(string trainer, ulong incarnation = 1) =>
        Do(new Command.Leave(Digits, Id(trainer), incarnation, Now));

    public Outcome Update(
        string trainer, int round = 1, string? content = null, long length = 10, long examples = 100) =>
        Do(new Command.AcceptUpdate(
            Digits, round, Id(trainer), Blob(content ?? $"{trainer} in {round}"), length, examples,
            Metrics.Of((Metrics.Loss, 0.5)), Now));

    public Outcome Close(int round = 1) => Do(new Command.CloseRound(Digits, round, Now));

    public Outcome Publish(int round, string? content = null, long length = 10, string unscored = "") =>
        Do(new Command.PublishModel(Digits, round, new BlobRef(Blob(content ?? $"model {round}"), length), Now)
        {
            Unscored = unscored,
        });

    public Outcome Score(int round, double accuracy = 0.9) =>
        Do(new Command.RecordScore(Digits, round, Scored(0.1, accuracy, 2000), "", Now));

    public Outcome CannotScore(int round, string reason) =>
        Do(new Command.RecordScore(Digits, round, Metrics.None, reason, Now));

    public static Metrics Scored(double loss, double accuracy, int examples) => Metrics.Of(
        (Metrics.Loss, loss), (Metrics.Accuracy, accuracy), (Metrics.Examples, examples));

    public Outcome End(string run = "digits", bool failed = false, string reason = "enough") =>
        Do(new Command.EndRun(RunId.Parse(run), failed, reason, Now));

    /// <summary>Every trainer delivers its update, and the model is published.</summary>
    public void PlayRound(int round, params string[] trainers)
    {
        foreach (string trainer in trainers) Update(trainer, round).IsAccepted();
        Publish(round).IsAccepted();
    }

    /// <summary>Continues from another state.</summary>
    public void Restore(ClusterState state) => State = state;

    public Outcome Do(Command command)
    {
        byte[] bytes = Bytes(command);
        var before = State;
        (State, var outcome) = RoundMachine.Apply(before, before.Index + 1, CommandCodec.Decode(bytes), bytes);
        // Checking every model after every command would take most of the time of a long run.
        if (State.Runs.All(run => run.Trail.Count < 200) || State.Index % 64 == 0)
            Assert.Null(Invariants.FirstBroken(State));
        Assert.NotEqual(before.Chain, State.Chain);
        Assert.Equal(outcome.Verdict == Verdict.Accepted, Facts(State) != Facts(before));
        Assert.Equal(outcome.Verdict == Verdict.Accepted, outcome.Reason.Length == 0);
        return outcome;
    }

    /// <summary>What a refused command must not change.</summary>
    public static ClusterState Facts(ClusterState state) => state with { Index = 0, Chain = default, Answered = [] };
}

internal static class OutcomeExpectations
{
    /// <summary>Compares the verdict and the exact sentence.</summary>
    public static void Is(this Outcome actual, Outcome expected) => Assert.Equal(expected, actual);

    public static void IsAccepted(this Outcome actual) => Assert.Equal(Outcome.Accepted, actual);
    public static void IsDuplicate(this Outcome actual, string reason) => actual.Is(Outcome.Duplicate(reason));
    public static void IsStale(this Outcome actual, string reason) => actual.Is(Outcome.Stale(reason));
    public static void IsRejected(this Outcome actual, string reason) => actual.Is(Outcome.Rejected(reason));
}
