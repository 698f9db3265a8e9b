using Quorate.Shared.Hosts;

namespace Quorate.Chaos.Processes;

/// <summary>The hosts file of a cluster that lies on this machine alone, on ports that are free now.</summary>
public static class LoopbackHosts
{
    /// <exception cref="IOException">Too few ports are free.</exception>
    public static HostsFile Take(int nodes)
    {
        int[] ports = FreePorts.Take(2 * nodes);
        var members = Enumerable.Range(0, nodes).Select(id =>
            $$"""{ "id": {{id}}, "raft": "127.0.0.1:{{ports[2 * id]}}", "grpc": "127.0.0.1:{{ports[2 * id + 1]}}" }""");
        return HostsFile.Parse($$"""{ "nodes": [ {{string.Join(", ", members)}} ] }""");
    }
}
