using System.Security.Cryptography;
using Quorate.Chaos.Checking;
using Quorate.Chaos.Training;

namespace Quorate.ChaosTests.Campaigns;

/// <summary>
/// That a replay finds what a cluster finds is shown by every chaos test; here, that it finds what is wrong.
/// </summary>
public sealed class ReplayTests : IDisposable
{
    private static readonly ChaosRun Run = new() { Elements = 100 };

    private readonly string _folder = Directory.CreateTempSubdirectory("quorate-test-").FullName;
    private readonly string _seed, _update;

    public ReplayTests()
    {
        string model = Path.Combine(_folder, "m.pt"), update = Path.Combine(_folder, "u.pt");
        Run.WriteSeedModel(model);
        Run.WriteUpdate(model, 1, "a", update, CancellationToken.None);
        (_seed, _update) = (HashOf(model), HashOf(update));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Another_seed_model_is_seen()
    {
        Assert.Empty(Differences(new CountedRound(0, _seed, 0, [])));
        Assert.Single(Differences(new CountedRound(0, _update, 0, [])));
    }

    [Fact]
    public void Another_update_or_another_average_is_seen()
    {
        // The average of one update is that update, in another file of the same tensors.
        Assert.Empty(Differences(
            new CountedRound(0, _seed, 0, []), new CountedRound(1, _update, 1, [("a", _update)])));
        Assert.Single(Differences(new CountedRound(0, _seed, 0, []), new CountedRound(1, _update, 1, [("a", _seed)])));
        Assert.Single(Differences(new CountedRound(0, _seed, 0, []), new CountedRound(1, _seed, 1, [("a", _update)])));
    }

    private List<string> Differences(params CountedRound[] rounds) =>
        Replay.Differences(Run, new History(0, rounds), _folder, CancellationToken.None);

    private static string HashOf(string path) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));
}
