using Quorate.Coordinator;
using Quorate.Coordinator.Disk;
using Quorate.Coordinator.Settings;

if (args.Contains("--help") || args.Contains("-h"))
{
    Console.WriteLine(CoordinatorOptions.Usage);
    return ExitCode.Stopped;
}
try
{
    var options = CoordinatorOptions.Read(args, Environment.GetEnvironmentVariable);
    using var data = DataDirectory.Open(options.DataDirectory, options.Node);
    return await new CoordinatorNode(options, data).RunAsync();
}
catch (Exception e) when (ExitCode.Of(e) is { } code)
{
    await Console.Error.WriteLineAsync(e.Message);
    return code;
}
