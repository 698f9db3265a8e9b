using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Quorate.Shared.Transfer.Streams;

namespace Quorate.Coordinator.Blobs;

/// <summary>
/// Weight streams on the port of gRPC: a connection that begins with their preface is served as one, any other goes on
/// to HTTP.
/// </summary>
public static partial class WeightStreams
{
    /// <summary>Any client speaks first, and at once.</summary>
    private static readonly TimeSpan PrefaceTimeout = TimeSpan.FromSeconds(10);

    /// <param name="server">Null while this node does not serve weights yet.</param>
    public static void UseWeightStreams(this ListenOptions listen, Func<StreamServer?> server, TimeProvider time) =>
        listen.Use(next => async connection =>
        {
            switch (await IsStreamAsync(connection, time))
            {
                case false:
                    await next(connection);
                    break;
                case true when server() is { } serving:
                    await serving.ServeAsync(connection.Transport, Closing(connection), connection.ConnectionClosed);
                    break;
            }
        });

    /// <summary>Null: it said nothing in time, or is gone.</summary>
    private static async Task<bool?> IsStreamAsync(ConnectionContext connection, TimeProvider time)
    {
        using var bound = new CancellationTokenSource(PrefaceTimeout, time);
        try
        {
            return await StreamServer.IsStreamAsync(connection.Transport.Input, bound.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            return null;
        }
    }

    private static CancellationToken Closing(ConnectionContext connection) =>
        connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.ConnectionClosedRequested
            ?? CancellationToken.None;

    [LoggerMessage(2010, LogLevel.Error, "A call on a weight stream failed.")]
    public static partial void CallFailed(ILogger logger, Exception exception);
}
