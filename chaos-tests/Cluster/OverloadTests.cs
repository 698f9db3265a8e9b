using System.Diagnostics;
using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Core;
using Quorate.Shared.Cluster;

namespace Quorate.ChaosTests.Cluster;

/// <summary>
/// 200 trainers that hardly train: they send as fast as they are answered, all at the same time of each round. A probe
/// asks the leader all the time, like one more client. QUORATE_CHAOS_OVERLOAD_SECONDS (8 in CI) sets the length.
/// </summary>
public sealed class OverloadTests(ITestOutputHelper output)
{
    private const double BarMegabytes = 300;

    private static readonly ChaosRun _run = new()
    {
        Rounds = 50_000, Trainers = 200, Elements = 50_000, KeepUpdateRounds = 0, KeepModels = 2,
    };

    [Fact]
    public async Task Too_many_trainers_are_refused_and_cost_neither_memory_nor_the_leader()
    {
        bool quiet = Flow.IsQuiet;
        await using var cluster = await ChaosCluster.StartAsync(
            _run, TimeSpan.FromMilliseconds(20), "--collect-after-seconds", "5", "--lease-seconds", "3");
        await cluster.WhenAsync(run => run.Phase == RunPhase.Training, "all trainers");
        int leader = await cluster.LeaderAsync();
        long term = await cluster.TermAsync(), started = Flow.Now;
        var answers = new List<(StatusCode Code, double Seconds)>();
        while (Flow.SecondsSince(started) < Settings.Number("OVERLOAD_SECONDS", 8))
        {
            if (await ProbeAsync(cluster.Connections.Nodes[leader]) is { } answer) answers.Add(answer);
            await ChaosCluster.PauseAsync(TimeSpan.FromMilliseconds(50));
        }
        double rate = cluster.Trainers.Sum(t => t.Record.Safe.Count) / Flow.SecondsSince(started);
        double[] peaks = [.. Enumerable.Range(0, ChaosCluster.Nodes).Select(node => cluster[node].PeakMegabytes())];
        long elections = await cluster.TermAsync() - term;
        leader = await cluster.LeaderAsync();

        // After the crowd has gone, the remaining trainers are served normally again.
        await Task.WhenAll(cluster.Trainers.Skip(5).Select(trainer => trainer.KillAsync()));
        long gone = Flow.Now;
        await cluster.UntilAsync(
            async _ => await ProbeAsync(cluster.Connections.Nodes[leader]) is { Code: StatusCode.OK, Seconds: < 0.1 }
                ? cluster
                : null,
            "an answer to an offer in less than 0.1 s");
        double normal = Flow.SecondsSince(gone);

        var refused = answers.Where(answer => answer.Code == StatusCode.ResourceExhausted).ToList();
        output.WriteLine($"{rate:F0} updates/s accepted; {answers.Count} probes answered, slowest "
            + $"{answers.Max(answer => answer.Seconds):F2} s; {refused.Count} refused, slowest "
            + $"{refused.Select(answer => answer.Seconds).DefaultIfEmpty().Max():F2} s; peak MB "
            + $"{string.Join(", ", peaks.Select(peak => $"{peak:F0}"))}; normal again after {normal:F2} s; "
            + $"{elections} elections; load average {Flow.Load}");
        if (quiet) Assert.Equal(0, elections);
        Assert.True(peaks.Max() <= BarMegabytes, $"{peaks.Max():F0} MB");
        Assert.Empty(cluster.Observer.Violations);
        cluster.Passed();
    }

    /// <summary>
    /// Offers an update with an unknown hash in the name of a present trainer, preferably one whose update is missing.
    /// Null if no trainer is present at the moment.
    /// </summary>
    private static async Task<(StatusCode Code, double Seconds)?> ProbeAsync(NodeConnection leader)
    {
        using var bound = new CancellationTokenSource(ChaosCluster.Patience);
        var status = await leader.Federation.StatusAsync(
            new StatusRequest { Trail = 1 }, cancellationToken: bound.Token);
        var present = status.Run.Trainers.Where(one => one.Present).ToList();
        if ((present.Find(one => !one.Accepted) ?? present.FirstOrDefault()) is not { } trainer) return null;
        var header = new UploadHeader
        {
            Blob = ByteString.CopyFrom(RandomNumberGenerator.GetBytes(32)), Length = 200_000,
            Update = new UpdateFacts
            {
                Run = status.Run.Run, Round = status.Run.Round, Trainer = trainer.Trainer,
                Incarnation = trainer.Incarnation, Examples = 1,
            },
        };
        long asked = Stopwatch.GetTimestamp();
        try
        {
            using var call = leader.Transfer.Offer(header, bound.Token);
            await call.ResponseAsync;
            return (StatusCode.OK, Stopwatch.GetElapsedTime(asked).TotalSeconds);
        }
        catch (RpcException e)
        {
            return (e.StatusCode, Stopwatch.GetElapsedTime(asked).TotalSeconds);
        }
    }
}
