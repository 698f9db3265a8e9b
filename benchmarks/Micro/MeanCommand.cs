using System.CommandLine;
using System.Text.Json;
using Quorate.Aggregation;
using Quorate.Shared.Transfer;

namespace Quorate.Benchmarks.Micro;

/// <summary>
/// <c>mean</c>: the weighted mean of updates, files to file, as the leader computes it; next to it the arithmetic alone
/// and the machine's copying speed. Compare figures only from the same minute on the same machine.
/// </summary>
internal static class MeanCommand
{
    private const int WarmUp = 10;

    public static Command Create()
    {
        var payload = new Option<string>("--payload")
        {
            Description = "lr (31 kB), cnn (4.8 MB), resnet18 (46.8 MB), or a size such as 30MB.",
            DefaultValueFactory = _ => "resnet18",
        };
        var updates = new Option<int>("--updates") { DefaultValueFactory = _ => 5 };
        var runs = new Option<int>("--runs") { DefaultValueFactory = _ => 30 };
        var json = new Option<bool>("--json") { Description = "Print the figures as JSON on the last line." };
        var command = new Command("mean", "The weighted mean of updates, files to file.")
        {
            payload, updates, runs, json,
        };
        command.SetAction(async (line, cancellation) =>
        {
            var bench = new MeanBench(
                Payload.Parse(line.GetValue(payload)!), line.GetValue(updates), line.GetValue(runs));
            await bench.RunAsync(cancellation);
            if (line.GetValue(json)) Console.WriteLine(bench.ToJson());
            return 0;
        });
        return command;
    }

    private sealed class MeanBench(Payload payload, int updates, int runs)
    {
        private readonly List<double> _files = [], _hashed = [], _processor = [], _arithmetic = [], _copy = [];

        public async Task RunAsync(CancellationToken token)
        {
            string folder = Path.GetFullPath(
                $"../../../bench/{Environment.ProcessId}", AppContext.BaseDirectory);
            Directory.CreateDirectory(folder);
            try
            {
                var files = new List<WeightedFile>();
                for (int u = 0; u < updates; u++)
                {
                    files.Add(new WeightedFile(Path.Combine(folder, $"{u}.pt"), 12_000 + u));
                    payload.WriteModel(files[^1].Path);
                }
                var sums = new InMemory(payload, updates);
                string mean = Path.Combine(folder, "mean.pt");
                for (int run = -WarmUp; run < runs; run++)
                {
                    File.Delete(mean);
                    var before = Environment.CpuUsage.TotalTime;
                    double plain = await TimeAsync(() => AverageAsync(files, mean, hashed: false, token));
                    double processor = (Environment.CpuUsage.TotalTime - before).TotalMilliseconds;
                    File.Delete(mean);
                    double hashed = await TimeAsync(() => AverageAsync(files, mean, hashed: true, token));
                    double arithmetic = Time(sums.Average), copy = Time(sums.Copy);
                    if (run < 0) continue;
                    _files.Add(plain);
                    _processor.Add(processor);
                    _hashed.Add(hashed);
                    _arithmetic.Add(arithmetic);
                    _copy.Add(copy);
                }
                Print();
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }

        /// <summary>
        /// Milliseconds that moving the same bytes takes, by the rate of the copy: the arithmetic reads every update
        /// and writes one mean, the copy reads and writes one.
        /// </summary>
        private double FloorMs(Func<Quantiles, double> figure) => figure(new(_copy)) * (updates + 1) / 2;

        private void Print()
        {
            var (files, hashed, cpu) = (new Quantiles(_files), new Quantiles(_hashed), new Quantiles(_processor));
            var arithmetic = new Quantiles(_arithmetic);
            Console.WriteLine($"""
                {updates} x {payload.Name} ({payload.Bytes / 1e6:0.0} MB), {runs} runs, load {Quantiles.MachineLoad()}
                files to file   median {files.Median:0.0} ms, min {files.Min:0.0}, processor {cpu.Median:0.0}
                  and hashed    median {hashed.Median:0.0} ms, min {hashed.Min:0.0}
                arithmetic      median {arithmetic.Median:0.0} ms, min {arithmetic.Min:0.0}, one thread
                moved in memory median {FloorMs(q => q.Median):0.0} ms, min {FloorMs(q => q.Min):0.0}
                the arithmetic is {Multiple:0.00} x that (minima)
                """);
        }

        private double Multiple => new Quantiles(_arithmetic).Min / FloorMs(q => q.Min);

        public string ToJson()
        {
            var (files, hashed) = (new Quantiles(_files), new Quantiles(_hashed));
            return JsonSerializer.Serialize(new
            {
                payload = payload.Name, bytes = payload.Bytes, updates, runs,
                medianMs = Rounded(files.Median), minMs = Rounded(files.Min), maxMs = Rounded(files.Max),
                cpuMs = Rounded(new Quantiles(_processor).Median), hashedMedianMs = Rounded(hashed.Median),
                arithmeticMedianMs = Rounded(new Quantiles(_arithmetic).Median),
                arithmeticMinMs = Rounded(new Quantiles(_arithmetic).Min),
                memoryMedianMs = Rounded(FloorMs(q => q.Median)), memoryMinMs = Rounded(FloorMs(q => q.Min)),
                arithmeticPerMemory = Rounded(Multiple), load = Quantiles.MachineLoad(),
            });
        }

        private static double Rounded(double value) => Math.Round(value, 2);

        private static async Task AverageAsync(
            List<WeightedFile> files, string mean, bool hashed, CancellationToken token)
        {
            await using Stream file = hashed
                ? HashedFileStream.Create(mean)
                : new FileStream(mean, FileMode.CreateNew, FileAccess.Write, FileShare.None);
            await new Aggregator().AggregateAsync(
                new RoundInputs(files[0].Path, null, files, AggregationPlan.Mean), file, null, token);
        }

        private static double Time(Action work)
        {
            long started = TimeProvider.System.GetTimestamp();
            work();
            return TimeProvider.System.GetElapsedTime(started).TotalMilliseconds;
        }

        private static async Task<double> TimeAsync(Func<Task> work)
        {
            long started = TimeProvider.System.GetTimestamp();
            await work();
            return TimeProvider.System.GetElapsedTime(started).TotalMilliseconds;
        }
    }
}
