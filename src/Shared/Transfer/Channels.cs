using System.Net.Sockets;
using Grpc.Net.Client;
using Quorate.Shared.Hosts;

namespace Quorate.Shared.Transfer;

/// <summary>
/// How our programs open gRPC channels. One place, so that no limit is left to a library's default.
/// </summary>
public static class Channels
{
    /// <summary>Connecting takes milliseconds if it works at all, and the next replica can be tried.</summary>
    public static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(2);

    /// <summary>
    /// A silent connection with a call on it is pinged this often, and given up after as long again.
    /// </summary>
    public static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(5);

    /// <summary>Bytes that a client may send over gRPC ahead of a coordinator: two parts.</summary>
    public const int StreamWindowBytes = 256 * 1024;

    /// <summary>
    /// Bytes that a coordinator may send ahead of us. Weights have streams of their own; the largest message here is a
    /// status, and a smaller window would meet a race in the web server (docs/FAULTS.md). As much as .NET allows.
    /// </summary>
    private const int ReplyWindowBytes = 16 << 20;

    /// <summary>
    /// Longest request, in bytes. The longest valid one is a run file of 256 KiB; above it there is room for those that
    /// are refused with a sentence of ours.
    /// </summary>
    public const int RequestBytesMax = 1 << 20;

    /// <summary>
    /// Longest reply. A status lists at most 20,000 trainers, as many updates, and one page of models: some 12 MB with
    /// the longest names.
    /// </summary>
    public const int ReplyBytesMax = ReplyWindowBytes;

    /// <param name="address">For example http://127.0.0.1:5001. Plain http speaks HTTP/2 with prior knowledge.</param>
    /// <param name="names">Resolves the host name at each connection; null: this machine's resolver.</param>
    public static GrpcChannel Create(string address, HostNames? names = null) => GrpcChannel.ForAddress(
        address, new GrpcChannelOptions
    {
        HttpHandler = new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            ConnectTimeout = ConnectTimeout,
            // With our own callback, only the handler opens connections. Without one, gRPC opens them ahead of it, and
            // a channel whose connection breaks just as it is made can wait forever for the next (docs/FAULTS.md).
            ConnectCallback = async (context, token) => new NetworkStream(
                await (names ?? HostNames.System).ConnectAsync(
                    context.DnsEndPoint.Host, context.DnsEndPoint.Port, token), ownsSocket: true),
            KeepAlivePingDelay = KeepAlive,
            KeepAlivePingTimeout = KeepAlive,
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            EnableMultipleHttp2Connections = true,
            InitialHttp2StreamWindowSize = ReplyWindowBytes,
        },
        DisposeHttpClient = true,
        MaxReceiveMessageSize = ReplyBytesMax,
        MaxSendMessageSize = RequestBytesMax,
        ThrowOperationCanceledOnCancellation = true,
    });
}
