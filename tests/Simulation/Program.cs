using System.Globalization;
using Quorate.Simulation.Actors;
using Quorate.Simulation.Checks;

// Runs seeds: `dotnet Quorate.Simulation.dll FROM COUNT [--trace] [--each] [--twice] [--break NAME] [--under FOLDER]`.
// One process has one pool thread and runs one simulation at a time. Prints a line for each violation, with --each also
// one for each seed, then the marks and a line of totals. If QUORATE_SIM_PROGRESS names a folder, a file in it grows by
// one byte for each seed.
ulong from = ulong.Parse(args[0], CultureInfo.InvariantCulture);
ulong count = args.Length > 1 && ulong.TryParse(args[1], out ulong wanted) ? wanted : 1;
string broken = After("--break") ?? "";
string? under = After("--under");
using var progress = Environment.GetEnvironmentVariable("QUORATE_SIM_PROGRESS") is { Length: > 0 } folder
    ? File.Create(Path.Combine(folder, $"{Environment.ProcessId}"), bufferSize: 0)
    : Stream.Null;
var breakage = broken.Length > 0 ? Breakages.Named(broken) : new Breakage();
var totals = new Totals();
for (ulong seed = from; seed < from + count; seed++)
{
    var verdict = Story.Run(seed, breakage, args.Contains("--trace") ? Console.Out : null, under);
    totals.Add(seed, verdict, Console.Out);
    progress.WriteByte((byte)'.');
    if (args.Contains("--each"))
        Console.Out.WriteLine($"seed {seed} events {verdict.Events} trace {verdict.Trace:x16}");
    if (broken.Length > 0 && verdict.Violations.Count > 0) break; // Caught.
    if (args.Contains("--twice") && Story.Run(seed, breakage, under: under).Trace != verdict.Trace)
        totals.Fail(seed, "the second run's trace differs", Console.Out);
}
totals.Write(Console.Out);
return totals.Failed == 0 ? 0 : 1;

string? After(string option) => args.SkipWhile(arg => arg != option).Skip(1).FirstOrDefault();
