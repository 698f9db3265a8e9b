using System.Diagnostics;
using System.Globalization;
using Quorate.Simulation.Actors;
using Quorate.Simulation.Checks;
using Quorate.Simulation.World;

// Runs seeds: `dotnet Quorate.Simulation.dll FROM COUNT [--trace] [--break NAME] [--times N]`. One process has one pool
// thread and runs one simulation at a time. Prints a line for each violation, then the marks, then a line of totals.
if (!SimulatedWorld.HasOneThread) return Again(args);

ulong from = ulong.Parse(args[0], CultureInfo.InvariantCulture);
ulong count = args.Length > 1 && ulong.TryParse(args[1], out ulong wanted) ? wanted : 1;
string broken = args.SkipWhile(arg => arg != "--break").Skip(1).FirstOrDefault() ?? "";
var breakage = broken.Length > 0 ? Breakages.Named(broken) : new Breakage();
var totals = new Totals();
for (ulong seed = from; seed < from + count; seed++)
{
    var verdict = Story.Tell(seed, breakage, args.Contains("--trace") ? Console.Out : null);
    totals.Add(seed, verdict, Console.Out);
    if (broken.Length > 0 && verdict.Violations.Count > 0) break; // Caught: that is all we want to know.
    if (args.Contains("--twice") && Story.Tell(seed, breakage).Trace != verdict.Trace)
        totals.Fail(seed, "the second run's trace differs", Console.Out);
}
totals.Write(Console.Out);
return totals.Failed == 0 ? 0 : 1;

static int Again(string[] args)
{
    var start = new ProcessStartInfo(Environment.ProcessPath!) { UseShellExecute = false };
    if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        start.ArgumentList.Add(typeof(Story).Assembly.Location);
    foreach (string arg in args) start.ArgumentList.Add(arg);
    start.Environment["DOTNET_PROCESSOR_COUNT"] = "1";
    start.Environment["DOTNET_TieredPGO"] = "0";
    // With one thread to compile beside, the runtime would put faster code off for as long as anything new runs.
    start.Environment["DOTNET_TC_CallCountingDelayMs"] = "0";
    using var process = Process.Start(start)!;
    process.WaitForExit();
    return process.ExitCode;
}
