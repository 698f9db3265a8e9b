using System.Security.Cryptography;

namespace Quorate.ChaosTests.Campaigns;

/// <summary>
/// Every chaos test shows that a replay agrees with the cluster. These tests show that it finds differences.
/// </summary>
public sealed class ReplayTests : IDisposable
{
    private static readonly ChaosRun _run = new() { Elements = 100 };

    private readonly string _folder = Directory.CreateTempSubdirectory("quorate-test-").FullName;
    private readonly string _seed, _update;

    public ReplayTests()
    {
        string model = Path.Combine(_folder, "m.pt"), update = Path.Combine(_folder, "u.pt");
        _run.WriteSeedModel(model);
        _run.WriteUpdate(model, 1, "a", update, CancellationToken.None);
        (_seed, _update) = (HashOf(model), HashOf(update));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_different_seed_model_is_found()
    {
        Assert.Empty(await DifferencesAsync(new CountedRound(0, _seed, 0, [])));
        Assert.Single(await DifferencesAsync(new CountedRound(0, _update, 0, [])));
    }

    [Fact]
    public async Task A_different_update_or_average_is_found()
    {
        // The average of one update is that update, in another file with the same tensors.
        var seed = new CountedRound(0, _seed, 0, []);
        Assert.Empty(await DifferencesAsync(seed, new CountedRound(1, _update, 1, [("a", _update)])));
        Assert.Single(await DifferencesAsync(seed, new CountedRound(1, _update, 1, [("a", _seed)])));
        Assert.Single(await DifferencesAsync(seed, new CountedRound(1, _seed, 1, [("a", _update)])));
    }

    private Task<List<string>> DifferencesAsync(params CountedRound[] rounds) =>
        Replay.DifferencesAsync(_run, new History(0, rounds), _folder, CancellationToken.None);

    private static string HashOf(string path) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));
}
