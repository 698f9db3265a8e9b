using System.Globalization;
using Quorate.Simulation.Actors;
using Quorate.Simulation.Checks;

// Runs seeds: `dotnet Quorate.Simulation.dll FROM COUNT [--trace] [--break NAME] [--times N]`. One process has one pool
// thread and runs one simulation at a time. Prints a line for each violation, then the marks, then a line of totals.
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
