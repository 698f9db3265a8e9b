using Grpc.AspNetCore.Server;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Quorate.Shared.Transfer;

namespace Quorate.Coordinator.Blobs;

/// <summary>
/// What Kestrel and gRPC must be told so that fifty uploads at once stay far below 150 MB and slow ones are not cut.
/// </summary>
public static class TransferServer
{
    /// <summary>
    /// Bytes of one connection that wait to be read. These times the uploads of those who speak gRPC alone wait in
    /// memory at the worst.
    /// </summary>
    private const int ReceivedBytesMax = 256 * 1024;

    /// <summary>For connections that are no weight streams.</summary>
    public static SocketConnectionFactoryOptions Sockets { get; } = new() { MaxReadBufferSize = ReceivedBytesMax };

    public static void Apply(KestrelServerOptions options)
    {
        var limits = options.Limits;
        limits.MaxRequestBodySize = null;
        // A relay waits for its trainer and a heartbeat stream is mostly silent: silence is judged by StallGuard and
        // leases, not by a rate.
        limits.MinRequestBodyDataRate = null;
        limits.MinResponseDataRate = null;
        // Bytes that wait in memory for a service that does not read: these times the number of uploads.
        limits.Http2.InitialStreamWindowSize = Channels.StreamWindowBytes;
        limits.Http2.InitialConnectionWindowSize = 2 * Channels.StreamWindowBytes;
        limits.Http2.KeepAlivePingDelay = Channels.KeepAlive;
        limits.Http2.KeepAlivePingTimeout = Channels.KeepAlive;
    }

    public static void Apply(GrpcServiceOptions options)
    {
        options.MaxReceiveMessageSize = PartCodec.MessageBytesMax;
        options.MaxSendMessageSize = Channels.ReplyBytesMax;
    }
}
