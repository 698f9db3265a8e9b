using Quorate.Coordinator.Consensus;

namespace Quorate.Coordinator.Doors;

/// <summary>
/// <c>GET /healthz</c> on the port of gRPC, over HTTP/1.1 and HTTP/2: 200 while the node can serve reads and writes,
/// here or at the leader; 503 and a sentence otherwise.
/// </summary>
internal static class Health
{
    private const string Path = "/healthz";

    /// <param name="app">The node's web application.</param>
    /// <param name="log">Null: the node does not vote yet.</param>
    public static void Map(WebApplication app, IReplicatedLog? log) =>
        app.MapGet(Path, (RequestDelegate)(context =>
        {
            var (status, text) = Of(log);
            context.Response.StatusCode = status;
            context.Response.ContentType = "text/plain";
            return context.Response.WriteAsync(text + "\n", context.RequestAborted);
        }));

    private static (int Status, string Text) Of(IReplicatedLog? log) =>
        log is null ? (StatusCodes.Status503ServiceUnavailable, "waiting for the first vote")
        : !log.QuorumReachable ? (StatusCodes.Status503ServiceUnavailable, "no quorum: read-only")
        : (StatusCodes.Status200OK, log.Leadership.IsLeader ? "leader" : "follower");
}
