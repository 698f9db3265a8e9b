namespace Quorate.ChaosTests.Cluster;

/// <summary>The final check of most tests.</summary>
internal static class Intact
{
    /// <summary>
    /// Waits for the end of the run and asserts that all promises hold. Returns a line for the test's output.
    /// </summary>
    /// <param name="mayRetrain">Trainers that the test killed: they lost their memory.</param>
    public static async Task<string> AssertIntactAsync(
        this ChaosCluster cluster, string undisturbed, params string[] mayRetrain)
    {
        var outcome = await Outcome.OfAsync(cluster, undisturbed, mayRetrain);
        Assert.True(outcome.Holds, outcome.ToString());
        cluster.Passed();
        return outcome.Summary;
    }
}
