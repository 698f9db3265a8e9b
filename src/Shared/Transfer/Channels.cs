using Grpc.Net.Client;

namespace Quorate.Shared.Transfer;

/// <summary>
/// How every program of ours opens a gRPC channel. One place, so that no limit is left to a library's default.
/// </summary>
public static class Channels
{
    /// <summary>Connecting takes milliseconds where it works at all; the next replica waits.</summary>
    public static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(2);

    /// <summary>
    /// A silent connection with a call on it is asked for a sign of life this often, and given up after as long again.
    /// </summary>
    public static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Bytes a server may send ahead of the reader on one stream: two parts, so that one is read while the next
    /// arrives.
    /// </summary>
    public const int StreamWindowBytes = 128 * 1024;

    /// <param name="address">For example http://127.0.0.1:5001. Plain http speaks HTTP/2 with prior knowledge.</param>
    public static GrpcChannel Create(string address) => GrpcChannel.ForAddress(address, new GrpcChannelOptions
    {
        HttpHandler = new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            ConnectTimeout = ConnectTimeout,
            KeepAlivePingDelay = KeepAlive,
            KeepAlivePingTimeout = KeepAlive,
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            EnableMultipleHttp2Connections = true,
            InitialHttp2StreamWindowSize = StreamWindowBytes,
        },
        DisposeHttpClient = true,
        MaxReceiveMessageSize = PartCodec.MessageBytesMax,
        MaxSendMessageSize = PartCodec.MessageBytesMax,
        InitialReconnectBackoff = TimeSpan.FromMilliseconds(50),
        MaxReconnectBackoff = TimeSpan.FromSeconds(1),
        ThrowOperationCanceledOnCancellation = true,
    });
}
