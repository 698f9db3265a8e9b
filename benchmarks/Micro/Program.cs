using System.CommandLine;
using BenchmarkDotNet.Running;
using Quorate.Benchmarks.Micro;

// What follows `micro` is BenchmarkDotNet's own; a bare word is the filter.
if (args is ["micro", .. var rest])
{
    string[] options = rest is [var filter] && !filter.StartsWith('-') ? ["--filter", $"*{filter}*"]
        : rest is [] ? ["--filter", "*"] : rest;
    BenchmarkSwitcher.FromAssembly(typeof(MeanCommand).Assembly).Run(options, new MicroConfig());
    return 0;
}
return await new RootCommand("Pieces of a coordinator, measured alone. What and how: docs/BENCHMARKS.md.")
{
    MeanCommand.Create(),
}.Parse(args).InvokeAsync();
