using System.Net;
using System.Net.Sockets;
using Quorate.Shared.Hosts;

namespace Quorate.Chaos.Processes;

/// <summary>The hosts file of a cluster on this machine alone, on ports that are free now.</summary>
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

/// <summary>
/// Ports for processes that are killed and started again. They are below the range from which Linux draws the ports of
/// outgoing connections (32768 and up): in that range, a client that calls a dead node could be given the node's own
/// port, and the node could not start again.
/// </summary>
public static class FreePorts
{
    private const int First = 12_000, Last = 32_000;

    private static int _next = First + (Environment.ProcessId * 37 % (Last - First));

    /// <exception cref="IOException">Fewer than <paramref name="count"/> ports are free.</exception>
    public static int[] Take(int count)
    {
        var taken = new List<int>();
        for (int tried = 0; taken.Count < count; tried++)
        {
            if (tried > Last - First)
                throw new IOException($"Fewer than {count} ports between {First} and {Last} are free on 127.0.0.1.");
            int port = _next = _next < Last ? _next + 1 : First;
            using var listener = new TcpListener(IPAddress.Loopback, port);
            try
            {
                listener.Start();
                taken.Add(port);
            }
            catch (SocketException)
            {
                // In use: try the next one.
            }
        }
        return [.. taken];
    }
}
