using Quorate.Client.Attending;
using Quorate.Rounds;
using Quorate.Shared.Protocol;
using Quorate.Unit.Cluster;
using Quorate.Unit.Tidy;

namespace Quorate.Unit.Attending;

/// <summary>src/Client/README.md shows a whole trainer. It works, and the page shows what was tried.</summary>
public sealed class ReadmeTests
{
    [Fact]
    public async Task The_trainer_of_the_readme_finishes_a_run()
    {
        await using var cluster = await TestCluster.StartAsync(
            nodes: 1, """{ "name": "test", "rounds": 2, "minTrainers": 1, "seed": 1 }""");
        await cluster.StatusAsync(run => run.Phase == RunPhase.Preparing, "the run");
        await TestTrainer.SeedAsync(cluster[0], TestTrainer.Weights(3));

        using var bound = new CancellationTokenSource(TestCluster.Patience);
        using var learner = new PlusOne();
        var settings = new AttendSettings
        {
            Trainer = TrainerId.Parse("ward-7"), WorkDirectory = Path.Combine(cluster.Root, "ward-7"), Once = true,
        };
        await TrainerLoop.AttendAsync(settings, cluster.Hosts, learner, TextWriter.Null, TextWriter.Null, bound.Token);

        var status = await cluster.StatusAsync(run => run.Phase == RunPhase.Finished, "the end");
        Assert.Equal(
            BlobHash.Of(TestTrainer.Weights(5)), BlobHash.FromBytes(status.Run.Trail[^1].Blob.Span));
    }

    [Fact]
    public void The_readme_shows_the_trainer_that_was_tried()
    {
        string readme = File.ReadAllText(Path.Combine(SourceFile.Root, "src", "Client", "README.md"));
        string code = File.ReadAllText(Path.Combine(SourceFile.Root, "tests", "Unit", "Attending", "PlusOne.cs"));
        Assert.Contains(code[code.IndexOf("internal sealed class", StringComparison.Ordinal)..], readme,
            StringComparison.Ordinal);
    }
}
