using System.CommandLine;
using Quorate.Benchmarks;

var root = new RootCommand("Quorate's benchmarks. What is measured and how: docs/BENCHMARKS.md.")
{
    RoundCommand.Create(),
    TrainersCommand.Create(),
};
return await root.Parse(args).InvokeAsync();
