using System.Net;
using System.Net.Sockets;

namespace Quorate.Shared.Hosts;

/// <summary>
/// Looks host names up and connects to them. A name is looked up at each connection, so a machine that returns under
/// its old name and a new address is found again.
/// </summary>
/// <param name="lookUp">Returns a name's addresses, or throws <see cref="SocketException"/>. May block.</param>
public sealed class HostNames(Func<string, IPAddress[]> lookUp, TimeProvider time)
{
    /// <summary>
    /// An answer is used again for this long: a leader dials a dead member with every heartbeat, and would ask the name
    /// server as often.
    /// </summary>
    private static readonly TimeSpan _reuse = TimeSpan.FromMilliseconds(500);

    /// <summary>Most addresses of one name that are tried.</summary>
    private const int AddressesMax = 8;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, (Task<IPAddress[]> Answer, long Since)> _asked = [];

    /// <summary>The names of this machine's resolver.</summary>
    public static HostNames System { get; } = new(Dns.GetHostAddresses, TimeProvider.System);

    /// <summary>
    /// The addresses of a host name, or the one an IP address stands for. The look-up blocks its own thread, one per
    /// name, and never one of the pool, on which Raft's heartbeats run; <paramref name="token"/> bounds the wait.
    /// </summary>
    /// <exception cref="SocketException">The name has no address at the moment.</exception>
    public async Task<IReadOnlyList<IPAddress>> ResolveAsync(string host, CancellationToken token)
    {
        if (IPAddress.TryParse(host, out var literal)) return [literal];
        var addresses = await Ask(host).WaitAsync(token).ConfigureAwait(false);
        return addresses.Length > 0 ? addresses : throw new SocketException((int)SocketError.HostNotFound);
    }

    /// <summary>
    /// Where a server with this address listens: at its name's IPv4 address if there is one. Clients try all addresses.
    /// </summary>
    /// <exception cref="SocketException">The name has no address at the moment.</exception>
    public async Task<IPEndPoint> ListenAtAsync(HostPort own, CancellationToken token)
    {
        var addresses = await ResolveAsync(own.Host, token).ConfigureAwait(false);
        return new IPEndPoint(
            addresses.FirstOrDefault(address => address.AddressFamily == AddressFamily.InterNetwork) ?? addresses[0],
            own.Port);
    }

    /// <summary>Connects to the first address of the host that accepts; all are tried at the same time.</summary>
    /// <exception cref="SocketException">The name has no address, or none of its addresses accepts.</exception>
    public async Task<Socket> ConnectAsync(string host, int port, CancellationToken token)
    {
        var addresses = await ResolveAsync(host, token).ConfigureAwait(false);
        using var won = CancellationTokenSource.CreateLinkedTokenSource(token);
        var attempts = addresses.Take(AddressesMax)
            .Select(address => ConnectAsync(new IPEndPoint(address, port), won.Token)).ToList();
        Socket? connected = null;
        Exception? failure = null;
        await foreach (var attempt in Task.WhenEach(attempts).ConfigureAwait(false))
        {
            try
            {
                var socket = await attempt.ConfigureAwait(false);
                if (connected is null) connected = socket;
                else socket.Dispose();
                await won.CancelAsync().ConfigureAwait(false);
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                failure ??= e;
            }
        }
        if (connected is not null) return connected;
        token.ThrowIfCancellationRequested();
        throw failure ?? new SocketException((int)SocketError.HostNotFound);
    }

    private Task<IPAddress[]> Ask(string host)
    {
        lock (_gate)
        {
            if (_asked.TryGetValue(host, out var last)
                && (!last.Answer.IsCompleted || time.GetElapsedTime(last.Since) < _reuse))
                return last.Answer;
            var answer = Task.Factory.StartNew(
                () => lookUp(host), CancellationToken.None,
                TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach, TaskScheduler.Default);
            _asked[host] = (answer, time.GetTimestamp());
            return answer;
        }
    }

    private static async Task<Socket> ConnectAsync(IPEndPoint address, CancellationToken token)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(address, token).ConfigureAwait(false);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
