using System.Globalization;
using Quorate.ChaosTests.Abuse;
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

string? After(string flag) =>
    Array.IndexOf(args, flag) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : null;

static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
