using System.CommandLine;
using Quorate.Benchmarks;

var root = new RootCommand("Quorate's benchmarks. docs/BENCHMARKS.md explains what they measure.")
{
    RoundCommand.Create(),
    LargeCommand.Create(),
    AttendCommand.Create(),
    FailoverCommand.Create(),
    TrainCommand.Create(),
    TrainersCommand.Create(),
    AttendantsCommand.Create(),
};
return await root.Parse(args).InvokeAsync();
