using Xunit.Abstractions;

namespace Quorate.ChaosTests.Crashes;

/// <summary>
/// The crash points that no synthetic trainer comes by: the trainer program's own, and the leader's, when it has had
/// the first model made and nobody knows of it yet. QUORATE_CHAOS_CRASH_HITS (1 in CI) is how often each is struck.
/// </summary>
public sealed class RealTrainerTests(ITestOutputHelper output)
{
    private static readonly string[] Points = ["model-downloaded", "update-trained", "upload-answered"];

    [Fact]
    public async Task A_trainer_may_die_at_any_point_and_a_leader_with_the_first_model_and_the_run_ends_the_same()
    {
        string undisturbed;
        using (var calm = new RealTrainers(null, []))
        {
            undisturbed = await calm.FinalModelAsync();
            Assert.Empty(calm.Deaths);
            calm.Passed();
        }
        for (int hits = Settings.Number("CRASH_HITS", 1); hits > 0; hits--)
        {
            using var struck = new RealTrainers("initial-model-made@leader", Points);

            Assert.Equal(undisturbed, await struck.FinalModelAsync());

            output.WriteLine(string.Join(", ", struck.Deaths));
            Assert.Contains("initial-model-made@leader", struck.Deaths);
            Assert.Equal(Points, struck.Deaths.Where(Points.Contains));
            struck.Passed();
        }
    }
}
