namespace Quorate.ChaosTests.Crashes;

/// <summary>
/// The crash points that synthetic trainers do not reach: those of the trainer program, and the leader's when the first
/// model has been created but not yet published. QUORATE_CHAOS_CRASH_HITS (1 in CI) sets how often each is reached.
/// </summary>
public sealed class RealTrainerTests(ITestOutputHelper output)
{
    private static readonly string[] _points = ["model-downloaded", "update-trained", "upload-answered"];

    [Fact]
    public async Task Deaths_of_a_trainer_and_of_a_leader_with_the_first_model_do_not_change_the_result()
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
            using var struck = new RealTrainers("initial-model-made@leader", _points);

            Assert.Equal(undisturbed, await struck.FinalModelAsync());

            output.WriteLine(string.Join(", ", struck.Deaths));
            Assert.Contains("initial-model-made@leader", struck.Deaths);
            Assert.Equal(_points, struck.Deaths.Where(_points.Contains));
            struck.Passed();
        }
    }
}
