using Quorate.Chaos.Processes;
using Quorate.Shared.Hosts;
using Quorate.Shared.Runs;

namespace Quorate.Cli.Demo;

/// <summary>
/// The folder of one demo run, with hosts.json, run.json, node-N, trainer-N and logs.
/// </summary>
internal sealed class DemoFolder
{
    private DemoFolder(string path, HostsFile hosts) => (Path, Hosts) = (path, hosts);

    public string Path { get; }

    public HostsFile Hosts { get; }

    public string HostsPath => Join("hosts.json");

    public string RunPath => Join("run.json");

    public string Logs => Join("logs");

    /// <param name="path">A folder that is empty or does not exist.</param>
    /// <param name="coordinators">The number of nodes; each gets two free ports.</param>
    /// <param name="run">Written to <see cref="RunPath"/>.</param>
    public static DemoFolder Create(string path, int coordinators, RunFile run)
    {
        Directory.CreateDirectory(path);
        var folder = new DemoFolder(path, LoopbackHosts.Take(coordinators));
        Directory.CreateDirectory(folder.Logs);
        File.WriteAllText(folder.HostsPath, folder.Hosts.Json);
        File.WriteAllText(folder.RunPath, run.Json);
        return folder;
    }

    public string Join(string name) => System.IO.Path.Combine(Path, name);
}
