using Quorate.Chaos.Checking;
using Quorate.Chaos.Processes;

namespace Quorate.ChaosTests.Cluster;

/// <summary>How most tests end.</summary>
internal static class Intact
{
    /// <summary>
    /// Waits for the end of the run; all promises must hold. What it returns is for the test's output.
    /// </summary>
    /// <param name="mayRetrain">Trainers that the test killed: their memory was gone.</param>
    public static async Task<string> AssertIntactAsync(
        this ChaosCluster cluster, string undisturbed, params string[] mayRetrain)
    {
        var outcome = await Outcome.OfAsync(cluster, undisturbed, mayRetrain);
        Assert.True(outcome.Holds, outcome.ToString());
        cluster.Passed();
        return outcome.Summary;
    }
}
