using System.CommandLine;
using Quorate.Settings;
using Quorate.Shared.Hosts;
using Quorate.Shared.Runs;

namespace Quorate.Coordinator.Settings;

/// <summary>
/// A coordinator's settings. Each is declared once, above its property: the flag, the QUORATE_ variable, the check, the
/// usage text and docs/SETTINGS.md follow from that.
/// </summary>
internal sealed record CoordinatorOptions
{
    private const string None = "none";
    private const int LevelMax = 255;

    private static readonly List<Setting> _all = [];

    private static readonly Setting<int> _id = Add(Setting.Required("id", SettingKinds.Whole(0, HostsFile.IdMax),
        "which node of the hosts file this is"));

    private static readonly Setting<string> _hosts = Add(Setting.Of("hosts", SettingKinds.Text("a file", "FILE"),
        "config/hosts.json", "the members"));

    private static readonly Setting<string> _run = Add(Setting.Of("run",
        SettingKinds.Text($"a file, or `{None}`", "FILE|none"), "config/runs/mnist.json",
        $"the leader opens it when the cluster has never seen its name; `{None}` waits for `quorate run`"));

    private static readonly Setting<string> _data = Add(Setting.Optional("data",
        SettingKinds.Text("a folder", "DIR"), "`run/node-ID`", "this node's own: log, snapshots, blobs"));

    private static readonly Setting<string> _trainer = Add(Setting.Optional("trainer",
        SettingKinds.Text($"a .dll, an executable, or `{None}`", "PROGRAM|none"),
        "the trainer built beside this program", $"makes initial models and scores; `{None}` turns both off"));

    private static readonly Setting<bool> _rejoin = Add(Setting.Of("rejoin", SettingKinds.Switch, false,
        "this node lost its data and comes back empty, on purpose"));

    private static readonly Setting<bool> _verify = Add(Setting.Of("verify", SettingKinds.Switch, false,
        "a follower averages every closed round again and stops on a difference; it pulls every update for that"));

    private static readonly Setting<string> _dial = Add(Setting.Optional("dial",
        SettingKinds.Text("`N=HOST:RAFTPORT,HOST:GRPCPORT;…`", "N=HOST:RAFTPORT,HOST:GRPCPORT;…"), "",
        "other addresses through which this node reaches others: a tunnel, a relay"));

    private static readonly Setting<Durability> _durability = Add(Setting.Of("durability",
        SettingKinds.Choice<Durability>(), Durability.Majority,
        "on how many disks an update's bytes are before it is ACCEPTED; see the limits in README"));

    private static readonly Setting<TimeSpan> _lease = Add(Setting.Of("lease-seconds", SettingKinds.Seconds(1, 3600),
        TimeSpan.FromSeconds(10), "a trainer silent for longer leaves: twenty lost heartbeats"));

    private static readonly Setting<TimeSpan> _election = Add(Setting.Of("election-ms",
        SettingKinds.Milliseconds(150, 60_000), TimeSpan.FromMilliseconds(300),
        "a follower stands for election after 1 to 1.5 times this without a leader: a dead one is replaced in about "
        + "0.6 s, and a flush beside a training neighbour fits well inside"));

    private static readonly Setting<int> _snapshotEvery = Add(Setting.Of("snapshot-every",
        SettingKinds.Whole(10, 1_000_000), 10_000, "log entries between snapshots"));

    private static readonly Setting<TimeSpan> _collectAfter = Add(Setting.Of("collect-after-seconds",
        SettingKinds.Seconds(1, 30 * 86_400), TimeSpan.FromSeconds(600),
        "unreferenced blobs live this long: longer than any upload takes from its last byte to its fact"));

    private static readonly Setting<TimeSpan> _scoreTimeout = Add(Setting.Of("score-timeout-seconds",
        SettingKinds.Seconds(1, 86_400), TimeSpan.FromSeconds(300), "a scoring that takes longer is given up"));

    private static readonly Setting<int> _maxLevel = Add(Setting.Optional("max-level",
        SettingKinds.Whole(1, LevelMax), "the build's own",
        "this node supports no higher feature level, which delays the cluster's rise during an upgrade"));

    /// <summary>Every setting, in the order of the usage text.</summary>
    public static IReadOnlyList<Setting> Settings => _all;

    public required int Node { get; init; }

    public required HostsFile Hosts { get; init; }

    /// <summary>The run that the leader opens; null where it opens none by itself.</summary>
    public required RunFile? Run { get; init; }

    public required string DataDirectory { get; init; }

    /// <value>Where the trainer program may be; the first that exists is used. None where it is turned off.</value>
    public required IReadOnlyList<string> TrainerPrograms { get; init; }

    /// <summary>Nodes that this one reaches at other addresses than the hosts file's. Everyone still knows them by the
    /// hosts file's.</summary>
    public IReadOnlyList<Node> Dial { get; init; } = [];

    public bool Rejoin { get; init; } = _rejoin.Default;

    public bool Verify { get; init; } = _verify.Default;

    public Durability Durability { get; init; } = _durability.Default;

    public TimeSpan Lease { get; init; } = _lease.Default;

    public TimeSpan Election { get; init; } = _election.Default;

    public int SnapshotEvery { get; init; } = _snapshotEvery.Default;

    public TimeSpan CollectAfter { get; init; } = _collectAfter.Default;

    public TimeSpan ScoreTimeout { get; init; } = _scoreTimeout.Default;

    public int MaxLevel { get; init; } = LevelMax;

    /// <summary>The highest feature level that this node supports.</summary>
    public int FeatureLevel => Math.Min(MaxLevel, Rounds.FeatureLevel.Supported);

    /// <summary>The addresses at which this node reaches a node of the hosts file.</summary>
    public Node Reached(Node node) => Dial.FirstOrDefault(dial => dial.Id == node.Id) ?? node;

    /// <summary>The program's command line, without an action: <see cref="Read"/> makes options of it.</summary>
    public static Command CommandLine(SettingSource source) => source.Program("coordinator",
        """
        One coordinator of a Quorate cluster.

        Every flag is also an environment variable: --lease-seconds is QUORATE_LEASE_SECONDS. The flag wins.
        Exit codes: 0 stopped, 2 bad settings, 3 two replicas disagree, 4 the log or the disk failed,
        5 the data directory is empty and the cluster remembers this node: see --rejoin.
        """, _all);

    /// <summary>Reads flags, then the environment, then the files they name.</summary>
    /// <exception cref="SettingsException">With every error found, one sentence each.</exception>
    public static CoordinatorOptions Read(IReadOnlyList<string> args, SettingSource source)
    {
        var line = SettingSource.Parse(CommandLine(source), args);
        List<string> errors = [.. line.Errors.Select(error => error.Message)];
        var hosts = Load(() => HostsFile.Load(source.Get(line, _hosts)), errors);
        string run = source.Get(line, _run);
        var runFile = run == None ? null : Load(() => LoadRun(run), errors);
        bool named = source.TryGet(line, _id, out int id);
        if (named && hosts is not null && hosts.Nodes.All(node => node.Id != id))
        {
            string known = string.Join(", ", hosts.Nodes.Select(node => node.Id));
            errors.Add($"--id {id} is not in {source.Get(line, _hosts)}, which has {known}.");
        }
        var dials = source.TryGet(line, _dial, out string? dial) ? Dials.Read(dial, id, hosts, errors) : [];
        string[] trainers = source.TryGet(line, _trainer, out string? trainer) ? NamedTrainer(trainer, errors)
            : [.. BuiltTrainers.Select(place => Path.GetFullPath(place, AppContext.BaseDirectory))];
        if (errors.Count > 0) throw new SettingsException(errors);
        return new CoordinatorOptions
        {
            Node = id, Hosts = hosts!, Run = runFile, TrainerPrograms = trainers, Dial = dials,
            DataDirectory = source.TryGet(line, _data, out string? data) ? data : $"run/node-{id}",
            Rejoin = source.Get(line, _rejoin), Verify = source.Get(line, _verify),
            Durability = source.Get(line, _durability), Lease = source.Get(line, _lease),
            Election = source.Get(line, _election), SnapshotEvery = source.Get(line, _snapshotEvery),
            MaxLevel = source.TryGet(line, _maxLevel, out int level) ? level : LevelMax,
            CollectAfter = source.Get(line, _collectAfter), ScoreTimeout = source.Get(line, _scoreTimeout),
        };
    }

    /// <summary>
    /// Where our own builds put the trainer: a sibling output folder, or a published folder beside this one. It may be
    /// built after this program was started, so its users look for it when they need it.
    /// </summary>
    private static string[] BuiltTrainers =>
        ["../../Trainer/release/Quorate.Trainer.dll", "../Trainer/Quorate.Trainer.dll"];

    private static string[] NamedTrainer(string named, List<string> errors)
    {
        if (named == None) return [];
        if (!File.Exists(named)) errors.Add($"--trainer: there is no file {named}.");
        return [named];
    }

    /// <exception cref="RunFileException">The file is wrong, or names a strategy that is not known here.</exception>
    private static RunFile LoadRun(string path)
    {
        var file = RunFile.Load(path);
        file.ReadAggregation();
        return file;
    }

    /// <returns>Null where the file cannot be used; the errors then say why.</returns>
    private static T? Load<T>(Func<T> load, List<string> errors)
        where T : class
    {
        try
        {
            return load();
        }
        catch (Exception e) when (e is HostsFileException or RunFileException)
        {
            errors.Add(e.Message);
            return null;
        }
    }

    private static Setting<T> Add<T>(Setting<T> setting)
    {
        _all.Add(setting);
        return setting;
    }
}

/// <summary>Where an update's bytes are durable before it is accepted.</summary>
internal enum Durability
{
    /// <summary>On a majority.</summary>
    Majority,

    /// <summary>
    /// On the leader: spares a tenth to two fifths of a round's work. After a failover trainers send again what only
    /// the old leader had, and a round whose trainer is gone by then cannot be averaged. Facts and models are on a
    /// majority either way.
    /// </summary>
    Leader,
}

/// <summary>Settings that cannot be used, with every reason.</summary>
internal sealed class SettingsException(IReadOnlyList<string> errors) : Exception(
    string.Join(Environment.NewLine, errors));
