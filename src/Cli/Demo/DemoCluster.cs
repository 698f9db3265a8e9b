namespace Quorate.Cli.Demo;

/// <summary>The processes of one demo run. Disposing it ends all of them and all that they started.</summary>
internal sealed class DemoCluster : IDisposable
{
    /// <summary>Coordinators come first: a late heartbeat causes an election, a late training step does not.</summary>
    private const int TrainerNice = 8;

    private readonly DemoFolder _folder;
    private readonly SortedDictionary<int, ChildProcess> _coordinators = [];
    private readonly List<ChildProcess> _trainers = [];
    private readonly HashSet<int> _down = [];
    private readonly Dictionary<int, long> _earlierPeaks = [];

    private DemoCluster(DemoFolder folder) => _folder = folder;

    public IReadOnlyList<ChildProcess> Trainers => _trainers;

    /// <summary>Peak bytes of each coordinator, by id.</summary>
    public IReadOnlyList<long> CoordinatorPeaks =>
        [.. _coordinators.Select(c => Math.Max(c.Value.PeakBytes, _earlierPeaks.GetValueOrDefault(c.Key)))];

    public static DemoCluster Start(DemoFolder folder, int trainers)
    {
        var cluster = new DemoCluster(folder);
        try
        {
            foreach (var node in folder.Hosts.Nodes) cluster.StartNode(node.Id);
            for (int i = 0; i < trainers; i++)
            {
                cluster._trainers.Add(ChildProcess.Start(
                    $"trainer {i}", folder, TrainerNice, Programs.Trainer,
                    "--id", $"{i}", "--hosts", folder.HostsPath, "--work", folder.Join($"trainer-{i}")));
            }
            return cluster;
        }
        catch
        {
            cluster.Dispose();
            throw;
        }
    }

    /// <summary>Starts a coordinator, or starts a killed one again on its own data.</summary>
    public void StartNode(int id)
    {
        if (_coordinators.Remove(id, out var earlier))
        {
            _earlierPeaks[id] = Math.Max(_earlierPeaks.GetValueOrDefault(id), earlier.PeakBytes);
            earlier.Dispose();
        }
        _coordinators[id] = ChildProcess.Start(
            $"node {id}", _folder, 0, Programs.Coordinator,
            "--id", $"{id}", "--hosts", _folder.HostsPath, "--run", _folder.RunPath, "--data", _folder.Join(
                $"node-{id}"));
        _down.Remove(id);
    }

    /// <summary>kill -9.</summary>
    public void KillNode(int id)
    {
        _down.Add(id);
        _coordinators[id].Kill();
    }

    /// <summary>Reads the peak memory of all processes.</summary>
    public void Sample()
    {
        foreach (var process in All) process.Sample();
    }

    /// <exception cref="CommandException">A process ended by itself. A trainer with exit code 0 has finished its work.
    /// </exception>
    public void ThrowIfDied()
    {
        var coordinator = _coordinators.FirstOrDefault(c => !_down.Contains(c.Key) && c.Value.HasExited).Value;
        var died = coordinator ?? _trainers.FirstOrDefault(t => t.HasExited && t.ExitCode != 0);
        if (died is null) return;
        throw new CommandException(
            ExitCode.ProcessDied,
            $"{died.Name} ended by itself with exit code {died.ExitCode}. Its log, {died.Log}, ends with:",
            [.. died.LastLines(20)]);
    }

    public void Dispose()
    {
        foreach (var process in All) process.Kill();
        ChildProcess.KillOrphans(_folder.Path);
        foreach (var process in All) process.Dispose();
        _coordinators.Clear();
        _trainers.Clear();
    }

    private IEnumerable<ChildProcess> All => _coordinators.Values.Concat(_trainers);
}
