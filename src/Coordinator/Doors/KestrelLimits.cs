using Grpc.AspNetCore.Server;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Quorate.Shared.Transfer;

namespace Quorate.Coordinator.Doors;

/// <summary>
/// Limits of Kestrel and gRPC with which fifty simultaneous uploads stay far below 150 MB and slow ones are not cut.
/// </summary>
internal static class KestrelLimits
{
    /// <summary>
    /// Bytes of one connection that wait to be read. At worst, this many wait in memory for each upload over gRPC.
    /// </summary>
    private const int ReceivedBytesMax = 256 * 1024;

    /// <summary>For connections of the web server.</summary>
    public static SocketConnectionFactoryOptions Sockets { get; } = new() { MaxReadBufferSize = ReceivedBytesMax };

    public static void Apply(KestrelServerOptions options)
    {
        var limits = options.Limits;
        limits.MaxRequestBodySize = null;
        // A relay waits for its trainer, and a heartbeat stream is mostly silent: StallGuard and leases judge silence.
        limits.MinRequestBodyDataRate = null;
        limits.MinResponseDataRate = null;
        // Bytes that wait in memory for a service that does not read, for each upload.
        limits.Http2.InitialStreamWindowSize = Channels.StreamWindowBytes;
        limits.Http2.InitialConnectionWindowSize = 2 * Channels.StreamWindowBytes;
        limits.Http2.KeepAlivePingDelay = Channels.KeepAlive;
        limits.Http2.KeepAlivePingTimeout = Channels.KeepAlive;
    }

    public static void Apply(GrpcServiceOptions options)
    {
        options.MaxReceiveMessageSize = Channels.RequestBytesMax;
        options.MaxSendMessageSize = Channels.ReplyBytesMax;
        options.Interceptors.Add<AuthorizingInterceptor>();
    }
}
