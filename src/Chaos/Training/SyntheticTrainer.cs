using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Quorate.Client.Attending;
using Quorate.Rounds;
using Quorate.Shared.Cluster;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;

namespace Quorate.Chaos.Training;

/// <summary>
/// A trainer in this process: the client's real loop and worker around a <see cref="SyntheticLearner"/>. Killing it
/// cancels its loop wherever it is; it can be started again under its id, like a new process.
/// </summary>
public sealed class SyntheticTrainer(ChaosRun run, HostsFile hosts, string id, string root, TimeSpan pace)
    : IAsyncDisposable
{
    private static ulong _incarnations = (ulong)Environment.ProcessId << 32;

    private readonly string _work = Path.Combine(root, $"trainer-{id}");
    private CancellationTokenSource? _stop;
    private readonly ConcurrentBag<Task> _twins = [];
    private Task _loop = Task.CompletedTask;

    public TrainerRecord Record { get; } = new(id);

    /// <summary>Why it ended by itself, which is always an error; null if it has not.</summary>
    public string? Fault => _loop.IsFaulted ? $"Trainer {id} ended: {_loop.Exception.GetBaseException()}"
        : _stop is { IsCancellationRequested: false } && _loop.IsCompleted ? $"Trainer {id} left." : null;

    public void Start()
    {
        _stop = new CancellationTokenSource();
        _loop = Task.Run(() => LiveAsync(_stop.Token));
    }

    /// <summary>Cancels its loop. Its files are kept, its memory is lost.</summary>
    public async Task KillAsync()
    {
        if (_stop is null) return;
        await _stop.CancelAsync();
        await _loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
        _stop = null;
    }

    /// <summary>Twins sent so far.</summary>
    public int Twins => _twins.Count;

    /// <summary>Kills it and waits for the answers to its twins.</summary>
    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        await Task.WhenAll(_twins);
    }

    private async Task LiveAsync(CancellationToken token)
    {
        var settings = new AttendSettings { Trainer = TrainerId.Parse(id), WorkDirectory = _work, Once = false };
        var time = TimeProvider.System;
        var presence = new Presence(settings.Trainer, Interlocked.Increment(ref _incarnations));
        using var learner = new SyntheticLearner(run, id, pace, Record)
        {
            Trained = (round, model) => SendTwin(round, model, presence.Incarnation),
        };
        using var cluster = new ClusterConnections(hosts, time);
        await using var log = new StreamWriter(_work + ".log", append: true) { AutoFlush = true };
        RoundWorker? attending = null;
        var lines = new Lines(log, line =>
        {
            if (learner.IsOwnRun) OnLine(line, attending?.Leader?.Id ?? -1);
        });
        var output = TextWriter.Synchronized(lines);
        var terminal = new Terminal(time, output, output, id);
        await using var worker = attending = new RoundWorker(settings, cluster, learner, presence, terminal, time);
        await new TrainerLoop(settings, cluster, worker, presence, terminal, time).RunAsync(token);
    }

    private void SendTwin(int round, string model, ulong incarnation)
    {
        string copy = Path.Combine(root, $"twin-{id}-{round}-{Interlocked.Increment(ref _incarnations)}.pt");
        run.WriteUpdate(model, round, id, copy, CancellationToken.None);
        var facts = new UpdateFacts
        {
            Run = run.Name, Round = round, Trainer = id, Incarnation = incarnation,
            Examples = ChaosRun.ExamplesOf(id), Metrics = { ["loss"] = 1.0 / round },
        };
        using var file = File.OpenRead(copy);
        var header = Twin.HeaderOf(facts, SHA256.HashData(file), file.Length);
        _twins.Add(Twin.SendAsync(hosts, header, copy, Record.Offers.Enqueue, TimeProvider.System));
    }

    /// <summary>Reads the verdicts from the trainer's terminal lines, as a person would.</summary>
    private void OnLine(string line, int node)
    {
        var update = Regex.Match(line, @"update of round (\d+) (\w+)", RegexOptions.CultureInvariant);
        if (update.Success && Enum.TryParse<VerdictCode>(update.Groups[2].Value, ignoreCase: true, out var verdict))
            Record.Answered(int.Parse(update.Groups[1].Value, CultureInfo.InvariantCulture), verdict);
        if (update.Success && update.Groups[2].Value is "accepted" or "duplicate")
        {
            int round = int.Parse(update.Groups[1].Value, CultureInfo.InvariantCulture);
            Record.Safe.Enqueue(new SafeAnswer(round, node, TimeProvider.System.GetTimestamp()));
        }
        else if (update.Success)
        {
            Record.Odd.Enqueue(line);
        }
    }

    private sealed class Lines(TextWriter log, Action<string> onLine) : TextWriter(CultureInfo.InvariantCulture)
    {
        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value) => log.Write(value);

        public override void WriteLine(string? value)
        {
            log.WriteLine(value);
            onLine(value ?? "");
        }
    }
}
