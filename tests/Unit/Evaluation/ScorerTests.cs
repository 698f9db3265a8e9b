using Quorate.Coordinator.Evaluation;
using Quorate.Rounds;
using Quorate.Unit.Rounds;

namespace Quorate.Unit.Evaluation;

public sealed class ScorerTests
{
    [Fact]
    public void Runs_take_turns_and_one_without_an_unscored_model_is_passed_over()
    {
        var scene = new Scene();
        scene.Do(new Command.LimitActiveRuns(3, 1)).IsAccepted();
        foreach (string run in new[] { "a", "b", "c", "queued" }) scene.Open(run, Scene.Rules(minTrainers: 1));
        Assert.Null(Scorer.NextTurn(scene.State, default));
        Play(scene, "a", 2);
        Assert.Equal("a", Next(scene, "a"));
        Play(scene, "c", 1);
        Assert.Equal("a", Next(scene, ""));
        Assert.Equal("c", Next(scene, "a"));
        Assert.Equal("c", Next(scene, "b"));
        Assert.Equal("a", Next(scene, "c"));
        scene.End("a");
        Assert.Equal("c", Next(scene, "c"));
    }

    private static string? Next(Scene scene, string last) =>
        Scorer.NextTurn(scene.State, last.Length == 0 ? default : RunId.Parse(last))?.Id.ToString();

    private static void Play(Scene scene, string name, int rounds)
    {
        var run = RunId.Parse(name);
        scene.Do(new Command.PublishModel(run, 0, new BlobRef(Scene.Blob("0"), 9), 1)).IsAccepted();
        scene.Do(new Command.Join(run, Scene.Id("anna"), 1, 0, 5, 1)).IsAccepted();
        for (int round = 1; round <= rounds; round++)
        {
            scene.Do(new Command.AcceptUpdate(
                run, round, Scene.Id("anna"), Scene.Blob($"{round}"), 9, 5, Metrics.None, 1)).IsAccepted();
            scene.Do(new Command.PublishModel(run, round, new BlobRef(Scene.Blob($"m{round}"), 9), 1)).IsAccepted();
        }
    }
}
