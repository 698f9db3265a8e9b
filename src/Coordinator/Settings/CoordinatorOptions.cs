using System.Globalization;
using Quorate.Shared.Hosts;
using Quorate.Shared.Runs;

namespace Quorate.Coordinator.Settings;

/// <summary>
/// A coordinator's settings. Each is a flag (<c>--lease-seconds 10</c>) or an environment variable
/// (<c>QUORATE_LEASE_SECONDS=10</c>); the flag wins. All errors are reported at once.
/// </summary>
internal sealed record CoordinatorOptions
{
    /// <summary><c>--id</c>: which node of the hosts file this is. Required.</summary>
    public required int Node { get; init; }

    /// <summary><c>--hosts</c>: the members. Default config/hosts.json.</summary>
    public required HostsFile Hosts { get; init; }

    /// <summary><c>--run</c>: the run that the leader opens when there is none; <c>none</c> waits for `quorate run`.
    /// Default config/runs/mnist.json.</summary>
    public required RunFile? Run { get; init; }

    /// <summary><c>--data</c>: this node's own directory. Default run/node-ID.</summary>
    public required string DataDirectory { get; init; }

    /// <summary><c>--trainer</c>: the trainer program that makes initial models and scores, a .dll or an executable;
    /// <c>none</c> turns both off. Default: the Trainer built beside this program.</summary>
    /// <value>Where it may lie; the first place counts at which there is one. None where both are off.</value>
    public required IReadOnlyList<string> TrainerPrograms { get; init; }

    /// <summary><c>--dial</c>: nodes that this one reaches through other addresses than the hosts file's: a tunnel, a
    /// relay, a fault proxy. They stay known, here and to trainers, by the hosts file's.</summary>
    public IReadOnlyList<Node> Dial { get; init; } = [];

    /// <summary><c>--rejoin</c>: this node lost its data and comes back empty, on purpose.</summary>
    public bool Rejoin { get; init; }

    /// <summary><c>--verify</c>: on a follower, average every closed round again and stop on a difference. Default off:
    /// the node must pull every update for it.</summary>
    public bool Verify { get; init; }

    /// <summary>
    /// <c>--durability</c>: where an update's bytes must be on disk before it is ACCEPTED; <c>majority</c> (default) or
    /// <c>leader</c>, which spares a tenth to two fifths of a round's work: after a failover trainers are asked to send
    /// again what only the old leader had, and a round whose trainer is gone by then cannot be averaged. Facts and
    /// models are on a majority either way.
    /// </summary>
    public Durability Durability { get; init; } = Durability.Majority;

    /// <summary>
    /// <c>--lease-seconds</c>: a trainer silent for longer leaves the client set. Default 10: twenty lost heartbeats.
    /// </summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// <c>--election-ms</c>: a follower that hears no leader for one to one and a half times this long stands for
    /// election. Default 300: a dead leader is replaced in about 0.6 s, and one fsync plus a training neighbour fit
    /// well inside.
    /// </summary>
    public TimeSpan Election { get; init; } = TimeSpan.FromMilliseconds(300);

    /// <summary><c>--snapshot-every</c>: log entries between snapshots. Default 10,000.</summary>
    public int SnapshotEvery { get; init; } = 10_000;

    /// <summary><c>--collect-after-seconds</c>: unreferenced blobs live this long. Default 600: longer than any upload
    /// takes from its last byte to its fact.</summary>
    public TimeSpan CollectAfter { get; init; } = TimeSpan.FromSeconds(600);

    /// <summary><c>--score-timeout-seconds</c>: a scoring that takes longer is given up. Default 300.</summary>
    public TimeSpan ScoreTimeout { get; init; } = TimeSpan.FromSeconds(300);

    public const string Usage = """
        usage: coordinator --id N [--hosts FILE] [--run FILE|none] [--data DIR] [--trainer PROGRAM|none]
                           [--rejoin] [--verify] [--dial "N=HOST:RAFTPORT,HOST:GRPCPORT;…"]
                           [--durability majority|leader]
                           [--lease-seconds S] [--election-ms MS] [--snapshot-every N] [--collect-after-seconds S]
                           [--score-timeout-seconds S]
        Every flag is also an environment variable: --lease-seconds is QUORATE_LEASE_SECONDS.
        exit codes: 0 stopped, 2 bad settings, 3 two replicas disagree, 4 the log or the disk failed,
                    5 the data directory is empty and the cluster remembers this node: see --rejoin.
        docs/SETTINGS.md has ranges, defaults and their reasons.
        """;

    /// <summary>The addresses at which this node reaches a node of the hosts file.</summary>
    public Node Reached(Node node) => Dial.FirstOrDefault(dial => dial.Id == node.Id) ?? node;

    /// <summary>Reads flags, then the environment, then the files they name.</summary>
    /// <exception cref="SettingsException">With every error found, each naming its flag.</exception>
    public static CoordinatorOptions Read(string[] args, Func<string, string?> environment)
    {
        var flags = new Flags(args, environment,
            ["id", "hosts", "run", "data", "trainer", "lease-seconds", "election-ms", "snapshot-every",
             "collect-after-seconds", "score-timeout-seconds", "dial", "durability"],
            switches: ["rejoin", "verify"]);

        string hostsPath = flags.Text("hosts") ?? "config/hosts.json";
        string runPath = flags.Text("run") ?? "config/runs/mnist.json";
        HostsFile? hosts = null;
        RunFile? run = null;
        try
        {
            hosts = HostsFile.Load(hostsPath);
        }
        catch (HostsFileException e)
        {
            flags.Errors.Add(e.Message);
        }
        try
        {
            run = runPath == "none" ? null : RunFile.Load(runPath);
        }
        catch (RunFileException e)
        {
            flags.Errors.Add(e.Message);
        }

        int? id = flags.Number("id", 0, int.MaxValue);
        if (id is null && flags.Text("id") is null)
            flags.Errors.Add("--id is missing: say which node of the hosts file this is.");
        if (id is { } asked && hosts is not null && hosts.Nodes.All(node => node.Id != asked))
        {
            string known = string.Join(", ", hosts.Nodes.Select(node => node.Id));
            flags.Errors.Add($"--id {asked} is not in {hostsPath}, which has {known}.");
        }
        var defaults = new CoordinatorOptions { Node = 0, Hosts = null!, Run = null, DataDirectory = "",
            TrainerPrograms = [] };
        var options = defaults with
        {
            Node = id ?? 0, Hosts = hosts!, Run = run, DataDirectory = flags.Text("data") ?? $"run/node-{id}",
            TrainerPrograms = TrainerPlaces(flags), Dial = Dials.Read(flags, id ?? -1, hosts),
            Rejoin = flags.Switch("rejoin"), Verify = flags.Switch("verify"),
            Durability = flags.Choice("durability", defaults.Durability),
            Lease = flags.Span("lease-seconds", 1, 3600, TimeSpan.FromSeconds) ?? defaults.Lease,
            Election = flags.Span("election-ms", 150, 60_000, TimeSpan.FromMilliseconds) ?? defaults.Election,
            SnapshotEvery = flags.Number("snapshot-every", 10, 1_000_000) ?? defaults.SnapshotEvery,
            CollectAfter = flags.Span("collect-after-seconds", 1, 30 * 86_400,
                TimeSpan.FromSeconds) ?? defaults.CollectAfter,
            ScoreTimeout = flags.Span("score-timeout-seconds", 1, 86_400,
                TimeSpan.FromSeconds) ?? defaults.ScoreTimeout,
        };
        return flags.Errors.Count == 0 ? options : throw new SettingsException(flags.Errors);
    }

    private static IReadOnlyList<string> TrainerPlaces(Flags flags)
    {
        if (flags.Text("trainer") is { } named)
        {
            if (named == "none") return [];
            if (!File.Exists(named)) flags.Errors.Add($"--trainer: there is no file {named}.");
            return [named];
        }
        // The two places where our own builds put it: a sibling output folder, or a published folder beside this one.
        // It may be built after this program was started, so whoever needs it looks.
        string[] places = ["../../Trainer/release/Quorate.Trainer.dll", "../Trainer/Quorate.Trainer.dll"];
        return [.. places.Select(place => Path.GetFullPath(place, AppContext.BaseDirectory))];
    }
}

/// <summary>Where an update's bytes are durable before it is accepted.</summary>
internal enum Durability
{
    Majority,
    Leader,
}

/// <summary>Settings that cannot be used, with every reason.</summary>
internal sealed class SettingsException(IReadOnlyList<string> errors) : Exception(
    string.Join(Environment.NewLine, errors));

/// <summary>Flags and environment variables as texts and numbers; collects what is wrong with them.</summary>
internal sealed class Flags
{
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    public Flags(string[] args, Func<string, string?> environment, string[] valued, string[] switches)
    {
        foreach (string name in valued.Concat(switches))
            if (environment($"QUORATE_{name.ToUpperInvariant().Replace('-', '_')}") is { Length: > 0 } value)
                _values[name] = value;
        for (int i = 0; i < args.Length; i++)
        {
            var (name, value) = args[i].Split('=', 2) is [var left, var right]
                ? (left, right)
                : (args[i], (string?)null);
            name = name.StartsWith("--", StringComparison.Ordinal) ? name[2..] : "";
            if (switches.Contains(name)) _values[name] = value ?? "true";
            else if (!valued.Contains(name)) Errors.Add($"'{args[i]}' is no flag of this program; see --help.");
            else if (value is not null || i + 1 < args.Length) _values[name] = value ?? args[++i];
            else Errors.Add($"--{name} needs a value.");
        }
    }

    public List<string> Errors { get; } = [];

    public string? Text(string name) => _values.GetValueOrDefault(name);

    public bool Switch(string name)
    {
        if (Text(name) is not { } text) return false;
        if (text is "true" or "1") return true;
        if (text is not ("false" or "0")) Errors.Add($"--{name} is true or false, not '{text}'.");
        return false;
    }

    public int? Number(string name, int min, int max)
    {
        if (Text(name) is not { } text) return null;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= min
            && value <= max)
            return value;
        Errors.Add($"--{name} must be a whole number from {min} to {max}, not '{text}'.");
        return null;
    }

    public T Choice<T>(string name, T otherwise) where T : struct, Enum
    {
        if (Text(name) is not { } text) return otherwise;
        string[] known = [.. Enum.GetNames<T>().Select(choice => choice.ToLowerInvariant())];
        if (known.Contains(text)) return Enum.Parse<T>(text, ignoreCase: true);
        Errors.Add($"--{name} is {string.Join(" or ", known)}, not '{text}'.");
        return otherwise;
    }

    public TimeSpan? Span(string name, int min, int max, Func<long, TimeSpan> unit) =>
        Number(name, min, max) is { } value ? unit(value) : null;
}
