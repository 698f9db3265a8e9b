using System.Globalization;
using System.Text.Json;
using Quorate.Abuse;
using Quorate.Chaos.Processes;
using Quorate.Shared.Hosts;

// Quorate.Abuse [--json] [--seconds N] [--only NAME,NAME] [--no-disk]
// Quorate.Abuse attack NAME HOSTS SECONDS: what the first form starts.
if (args is ["attack", var name, var hosts, var time]) return await AttackAsync(name, hosts, Number(time));

bool json = args.Contains("--json");
double seconds = Number(After("--seconds") ?? "10");
string[] only = After("--only")?.Split(',') ?? [.. Attacks.All.Select(attack => attack.Name)];
using var stop = new CancellationTokenSource(TimeSpan.FromMinutes(10), TimeProvider.System);
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stop.Cancel();
};
var bars = new List<Bar>();
try
{
    bars.AddRange(await CampaignAsync(stop.Token));
    if (!args.Contains("--no-disk"))
        if (await FullDisk.RunAsync(stop.Token) is { } disk) bars.AddRange(disk);
        else Say("Row 4 was not tried: this user may not mount a disk.");
}
catch (Exception e) when (e is ProgramEndedException or TimeoutException)
{
    bars.Add(new Bar("no process exits", "all", 1, "<= ", 0, e.Message));
}
foreach (var bar in bars) Say(bar.Sentence);
if (json)
    foreach (var bar in bars) Console.WriteLine(bar.Json);
return bars.TrueForAll(bar => bar.Met) ? 0 : 1;

async Task<IReadOnlyList<Bar>> CampaignAsync(CancellationToken token)
{
    await using var cluster = await Campaign.StartAsync("abuse", token);
    using var target = new Target(cluster.Hosts);
    using var mallory = new IdleMember(target, token);
    var campaign = new Campaign(cluster, TimeSpan.FromSeconds(seconds));
    await campaign.CalmAsync(token);
    long disk = campaign.DiskBytes();
    var effects = new List<Effect>();
    foreach (var attack in Attacks.All.Where(attack => only.Contains(attack.Name)))
    {
        var effect = await campaign.SufferAsync(attack, token);
        effects.Add(effect);
        Say(string.Create(CultureInfo.InvariantCulture,
            $"{effect.Attack,-24} {effect.Exits} exits, {effect.Elections} elections, {effect.MemoryMib,5:F0} MiB, "
            + $"rounds x{effect.Slowdown:F2}, log {effect.LogKib:F0} KiB; {effect.Note}"));
    }
    double above = await campaign.DiskMibAboveAsync(disk, TimeSpan.FromSeconds(30), token);
    if (cluster.Observer.Violations.IsEmpty && effects.TrueForAll(effect => effect.Exits == 0)) cluster.Passed();
    return
    [
        Bar.Worst("no process exits", effects, effect => effect.Exits, 0),
        Bar.Worst("no election", effects, effect => effect.Elections, 0),
        Bar.Worst("memory above calm, MiB", effects, effect => effect.MemoryMib, 64),
        Bar.Worst("time of an honest round, over calm", effects, effect => effect.Slowdown, 1.5),
        Bar.Worst("growth of a log, KiB", effects, effect => effect.LogKib, 256),
        new Bar("unfinished blobs are gone after the grace", "10, 15", above, "<= ", 16, "MiB above calm"),
    ];
}

static async Task<int> AttackAsync(string name, string hosts, double seconds)
{
    ThreadPool.SetMinThreads(64, 64);
    using var target = new Target(HostsFile.Load(hosts));
    using var time = new CancellationTokenSource(TimeSpan.FromSeconds(seconds), TimeProvider.System);
    long acts = await Attacks.RunAsync(Attacks.All.Single(attack => attack.Name == name), target, time.Token);
    Console.WriteLine($"{acts} acts");
    return 0;
}

void Say(string line) => (json ? Console.Error : Console.Out).WriteLine(line);

string? After(string flag) => Array.IndexOf(args, flag) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : null;

static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

namespace Quorate.Abuse
{
    /// <summary>One bar and what was measured.</summary>
    /// <param name="Name">What must hold.</param>
    /// <param name="Rows">The faults of the first build that it is about.</param>
    internal sealed record Bar(string Name, string Rows, double Value, string Order, double Limit, string Note)
    {
        /// <summary>A second condition.</summary>
        public bool Also { get; init; } = true;

        public bool Met => Also && (Order == "<= " ? Value <= Limit : Value >= Limit);

        public string Sentence => string.Create(CultureInfo.InvariantCulture,
            $"{(Met ? "met   " : "MISSED")} {Name}: {Value:0.##} ({Order}{Limit}; {Note})");

        public string Json => JsonSerializer.Serialize(new
        {
            bar = Name, rows = Rows, value = double.IsFinite(Value) ? Math.Round(Value, 3) : 1e9, limit = Limit,
            met = Met, note = Note,
        });

        /// <summary>The bar that every attack must meet, with the one that came closest to missing it.</summary>
        public static Bar Worst(string name, IReadOnlyList<Effect> effects, Func<Effect, double> of, double limit)
        {
            var worst = effects.MaxBy(of)!;
            return new Bar(name, string.Join(", ", effects.SelectMany(e => e.Rows.Split(", ")).Distinct()), of(worst),
                "<= ", limit, $"worst: {worst.Attack}");
        }
    }

    /// <summary>A member that joins, attends and never sends an update (row 9).</summary>
    internal sealed class IdleMember : IDisposable
    {
        private readonly CancellationTokenSource _stop;

        public IdleMember(Target target, CancellationToken token)
        {
            _stop = CancellationTokenSource.CreateLinkedTokenSource(token);
            _ = LiveAsync(target, _stop.Token);
        }

        public void Dispose()
        {
            _stop.Cancel();
            _stop.Dispose();
        }

        private static async Task LiveAsync(Target target, CancellationToken token)
        {
            while (!token.IsCancellationRequested)
            {
                try
                {
                    var (leader, status) = await target.LeaderAsync(token);
                    var federation = target.Federation(leader);
                    using var call = federation.Attend(cancellationToken: token);
                    var beat = new Heartbeat
                    {
                        Run = status.Run.Run, Trainer = Target.Member, Incarnation = Target.Incarnation,
                    };
                    await call.RequestStream.WriteAsync(beat, token);
                    await federation.JoinAsync(
                        new JoinRequest
                        {
                            Run = status.Run.Run, Trainer = Target.Member, Incarnation = Target.Incarnation, Examples = 1,
                        }, cancellationToken: token);
                    while (await call.ResponseStream.MoveNext(token))
                    {
                        await Target.Pause(500, token);
                        await call.RequestStream.WriteAsync(beat, token);
                    }
                }
                catch (Exception e) when (e is Grpc.Core.RpcException or OperationCanceledException)
                {
                    await Target.Pause(100, CancellationToken.None);
                }
            }
        }
    }
}
