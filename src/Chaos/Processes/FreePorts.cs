using System.Net.Sockets;
using System.Net;

namespace Quorate.Chaos.Processes;

/// <summary>
/// Ports for processes that are killed and started again. They lie below the range from which Linux draws the ports of
/// outgoing connections (32768 and up): there, a client that calls a dead node could be given the node's own port,
/// and the node would not come up again.
/// </summary>
public static class FreePorts
{
    private const int First = 12_000, Last = 32_000;

    private static int _next = First + (Environment.ProcessId * 37 % (Last - First));

    /// <exception cref="IOException">So many are not free.</exception>
    public static int[] Take(int count)
    {
        var taken = new List<int>();
        for (int tried = 0; taken.Count < count; tried++)
        {
            if (tried > Last - First)
                throw new IOException($"No {count} free ports between {First} and {Last} on 127.0.0.1.");
            int port = _next = _next < Last ? _next + 1 : First;
            using var listener = new TcpListener(IPAddress.Loopback, port);
            try
            {
                listener.Start();
                taken.Add(port);
            }
            catch (SocketException)
            {
                // Somebody has it.
            }
        }
        return [.. taken];
    }
}
