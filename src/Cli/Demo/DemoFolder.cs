using System.Net;
using System.Net.Sockets;
using Quorate.Shared.Hosts;
using Quorate.Shared.Runs;

namespace Quorate.Cli.Demo;

/// <summary>
/// Everything one demo run writes: hosts.json, run.json, node-N, trainer-N and logs below one folder.
/// </summary>
internal sealed class DemoFolder
{
    /// <summary>
    /// Below the range from which Linux takes ports for outgoing connections (32768 …): a killed coordinator finds its
    /// port free.
    /// </summary>
    private const int FirstPort = 20_000, LastPort = 32_000;

    private DemoFolder(string path, HostsFile hosts) => (Path, Hosts) = (path, hosts);

    public string Path { get; }

    public HostsFile Hosts { get; }

    public string HostsPath => Join("hosts.json");

    public string RunPath => Join("run.json");

    public string Logs => Join("logs");

    /// <param name="path">A folder that is empty or not there.</param>
    /// <param name="coordinators">How many nodes; each gets two free ports.</param>
    /// <param name="run">Written to <see cref="RunPath"/>.</param>
    public static DemoFolder Create(string path, int coordinators, RunFile run)
    {
        Directory.CreateDirectory(path);
        int[] ports = FreePorts(2 * coordinators);
        string nodes = string.Join(",", Enumerable.Range(0, coordinators).Select(n =>
            $$"""{"id":{{n}},"raft":"127.0.0.1:{{ports[2 * n]}}","grpc":"127.0.0.1:{{ports[2 * n + 1]}}"}"""));
        var folder = new DemoFolder(path, HostsFile.Parse($$"""{"nodes":[{{nodes}}]}"""));
        Directory.CreateDirectory(folder.Logs);
        File.WriteAllText(folder.HostsPath, folder.Hosts.Json);
        File.WriteAllText(folder.RunPath, run.Json);
        return folder;
    }

    public string Join(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>
    /// Ports that nobody listens on now, starting where this process's id says, so that demos side by side rarely meet.
    /// </summary>
    private static int[] FreePorts(int count)
    {
        var held = new List<TcpListener>();
        int start = FirstPort + Environment.ProcessId * 37 % (LastPort - FirstPort);
        try
        {
            for (int i = 0; i < LastPort - FirstPort && held.Count < count; i++)
            {
                var listener = new TcpListener(IPAddress.Loopback,
                    FirstPort + (start - FirstPort + i) % (LastPort - FirstPort));
                try
                {
                    listener.Start();
                    held.Add(listener);
                }
                catch (SocketException)
                {
                    listener.Dispose();
                }
            }
            if (held.Count < count)
                throw new CommandException(ExitCode.BadInput,
                    $"No {count} free ports between {FirstPort} and {LastPort} on 127.0.0.1.");
            return [.. held.Select(l => ((IPEndPoint)l.LocalEndpoint).Port)];
        }
        finally
        {
            foreach (var listener in held) listener.Dispose();
        }
    }
}
