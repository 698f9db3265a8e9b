// One node of the replicated log as a process. The durability tests start three, let them write, kill them with
// SIGKILL at random moments, start them again and compare what they hold.
//
// DurabilityNode NODE PORT,PORT,PORT DIRECTORY [key=value ...]     keys: log=durable|stock, snapshot=N, min=MS, max=MS,
// request=MS, beat=MS
//
// log=stock uses the library's own log, which acknowledges before it is durable; the tests must catch it.
// Standard input has one command per line; answers go to standard output, one per line, in capitals:
//
//   write PREFIX RUN LIMIT WRITERS   while this node leads, join trainers PREFIX-…; ACK NAME MICROSECONDS for each
//   stop                             stop writing
//   mark NAME RUN                    if this node leads, join NAME: MARKED NAME INDEX; otherwise nothing
//   wait INDEX                       AT INDEX once it is applied here
//   resign                           if this node leads, step down
//   chains FROM                      CHAIN INDEX HASH for each remembered index, then END
//   has RUN PREFIX                   HAS NAME for each trainer of that prefix, then END
//
// It also prints READY once it votes and LEADS TERM whenever it becomes leader. Exit code 3: its log broke.

using System.Globalization;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Consensus.DotNext;
using Quorate.ChaosTests.DurabilityNode;
using Quorate.Shared.Hosts;

var settings = args[3..].Select(pair => pair.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);
TimeSpan Ms(string key, int otherwise) => TimeSpan.FromMilliseconds(
    settings.TryGetValue(key, out string? text) ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise);
var options = new ConsensusOptions
{
    Node = int.Parse(args[0], CultureInfo.InvariantCulture),
    Members = [.. args[1].Split(',').Select((port, node) => new Member(
        node, HostPort.Parse($"127.0.0.1:{port}")))],
    Directory = args[2],
    SnapshotEvery = int.Parse(settings.GetValueOrDefault("snapshot", "20000"), CultureInfo.InvariantCulture),
    ElectionMin = Ms("min", 300), ElectionMax = Ms("max", 450), RequestTimeout = Ms("request",
        240), HeartbeatEvery = Ms("beat", 75),
};
using var loggers = LoggerFactory.Create(builder => builder.AddSimpleConsole(console =>
{
    console.SingleLine = true;
    console.TimestampFormat = "HH:mm:ss.fff ";
}).AddFilter("Microsoft", LogLevel.None).Services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(
    console => console.LogToStandardErrorThreshold = LogLevel.Trace));
await using var log = await ReplicatedLog.StartAsync(
    options, loggers, TimeProvider.System, _ =>
        Environment.Exit(3), settings.GetValueOrDefault("log") != "stock", default);
await new Session(log, options.Node).RunAsync();
