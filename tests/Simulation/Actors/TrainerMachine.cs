using System.Globalization;
using System.Text;
using Quorate.Client.Attending;
using Quorate.Rounds;
using Quorate.Shared.Cluster;
using Quorate.Simulation.Network;
using Quorate.Simulation.World;

namespace Quorate.Simulation.Actors;

/// <summary>One trainer's process: the real client without torch.</summary>
internal sealed class TrainerMachine
{
    /// <summary>The place of the first trainer in the network, after the coordinators.</summary>
    public const int FirstPlace = 10;

    private readonly ArithmeticLearner _learner;

    public TrainerMachine(
        SimulatedNetwork network, IReadOnlyList<SimulatedRun> runs, int trainer, ulong incarnation, int coordinators,
        string folder, TimeSpan clockOffset, Answers answers)
    {
        Machine = new Machine(network.World, FirstPlace + trainer, SimulatedRun.TrainerName(trainer), clockOffset);
        network.Links.Put(Machine);
        Directory.CreateDirectory(folder);
        var draws = new Draws(incarnation);
        var settings = new AttendSettings
        {
            Trainer = TrainerId.Parse(Machine.Name), WorkDirectory = folder, Once = false,
        };
        settings = settings with
        {
            Retry = settings.Retry with { Jitter = () => draws.Below(1 << 20) / (double)(1 << 20) },
        };
        var cluster = new ClusterConnections(
            [.. Enumerable.Range(0, coordinators).Select(node => network.Connect(Machine, node))], Machine.Time);
        var lines = new Lines(line => OnLine(line, trainer, answers));
        var terminal = new Terminal(Machine.Time, lines, lines, Machine.Name);
        var presence = new Presence(settings.Trainer, incarnation);
        _learner = new ArithmeticLearner(runs, trainer);
        var worker = new RoundWorker(settings, cluster, _learner, presence, terminal, Machine.Time);
        var loop = new TrainerLoop(settings, cluster, worker, presence, terminal, Machine.Time);
        _ = LiveAsync(loop, answers);
    }

    public Machine Machine { get; }

    /// <summary>The run of the update on disk, where this process made it.</summary>
    public RunId? Trained => _learner.Trained;

    private async Task LiveAsync(TrainerLoop loop, Answers answers)
    {
        try
        {
            await loop.RunAsync(CancellationToken.None);
            if (Machine.IsAlive) answers.Broken.Add($"{Machine.Name} left by itself.");
        }
        catch (Exception e)
        {
            if (Machine.IsAlive) answers.Broken.Add($"{Machine.Name} ended by itself: {e}");
        }
    }

    /// <summary>Reads the verdicts from the trainer's terminal lines. A dead trainer prints nothing.</summary>
    private void OnLine(string line, int trainer, Answers answers)
    {
        if (!Machine.IsAlive) return;
        Machine.Note(line[(line.IndexOf(']') + 2)..]);
        string[] words = line.Split(' ');
        int at = Array.IndexOf(words, "update");
        if (at < 0 || words.Length < at + 5 || words[at + 1] != "of") return;
        int round = int.Parse(words[at + 3], CultureInfo.InvariantCulture);
        string verdict = words[at + 4].TrimEnd(':');
        Machine.World.Trace.Mark($"an update {verdict}");
        if (verdict is "accepted" or "duplicate") answers.Safe.Add((Trained!.Value, round, trainer));
    }

    private sealed class Lines(Action<string> onLine) : TextWriter
    {
        public override Encoding Encoding => Encoding.UTF8;

        public override void WriteLine(string? value) => onLine(value ?? "");
    }
}

/// <summary>The answers that trainers received, and events that must not happen in any seed.</summary>
internal sealed class Answers
{
    /// <summary>Updates that were answered with ACCEPTED or DUPLICATE.</summary>
    public HashSet<(RunId Run, int Round, int Trainer)> Safe { get; } = [];

    public List<string> Broken { get; } = [];
}
