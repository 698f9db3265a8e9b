using System.Net;
using System.Net.Sockets;
using Quorate.Coordinator.Settings;
using Quorate.Coordinator.Telemetry;
using Quorate.Shared.Hosts;

namespace Quorate.Coordinator.Peering;

/// <summary>
/// Finds the address on which this node listens. A machine that has just started may have no name yet, so a name
/// without an address is looked up again for a while.
/// </summary>
internal static partial class OwnAddress
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan _pause = TimeSpan.FromSeconds(1);

    /// <exception cref="SettingsException">The name had no address for <see cref="Patience"/>.</exception>
    public static async Task<IPEndPoint> ResolveAsync(
        HostNames names, int node, HostPort own, ILoggerFactory loggers, TimeProvider time, CancellationToken token)
    {
        using var limit = new CancellationTokenSource(Patience, time);
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, token);
        bool reported = false;
        while (true)
        {
            try
            {
                return await names.ListenAtAsync(own, bound.Token);
            }
            catch (SocketException) when (!limit.IsCancellationRequested)
            {
                if (!reported) LogUnresolved(loggers.CreateLogger(typeof(OwnAddress)), node, own.Host);
                reported = true;
                await Task.Delay(_pause, time, token);
            }
            catch (Exception e) when (
                limit.IsCancellationRequested && e is SocketException or OperationCanceledException)
            {
                throw new SettingsException(
                    [$"Node {node}'s own host name '{own.Host}' had no address for {Patience.TotalSeconds} s, so this "
                    + "node cannot listen. Correct the name in the hosts file or in the name service."]);
            }
        }
    }

    [LoggerMessage(EventIds.OwnNameUnresolved, LogLevel.Warning,
        "Node {Node}'s own host name '{Host}' has no address at the moment; looking it up again every second.")]
    private static partial void LogUnresolved(ILogger logger, int node, string host);
}
