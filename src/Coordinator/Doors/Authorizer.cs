using System.Collections.Frozen;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Quorate.Coordinator.Intake;
using Quorate.Shared.Transfer.Streams;

namespace Quorate.Coordinator.Doors;

/// <summary>What a caller is. A call may allow several roles.</summary>
[Flags]
internal enum Role
{
    /// <summary>A caller without a certificate.</summary>
    Anonymous = 0,
    Trainer = 1,
    Operator = 2,

    /// <summary>Reads status and models, and changes nothing.</summary>
    Observer = 4,
    Coordinator = 8,
}

/// <summary>Who makes a call, as its connection proves.</summary>
/// <param name="Identity">The name in the certificate; empty for anonymous callers.</param>
internal sealed record Caller(string Identity, Role Role)
{
    public static readonly Caller Anonymous = new("", Role.Anonymous);

    private static readonly object _key = new();

    /// <summary>The caller of a call that is being served, whichever protocol it came by.</summary>
    public static Caller Of(ServerCallContext context) =>
        context.UserState.TryGetValue(_key, out object? caller) ? (Caller)caller : Anonymous;

    public void Attach(ServerCallContext context) => context.UserState[_key] = this;
}

/// <summary>Who may call what: the only place that says so. A call without a row is refused.</summary>
internal static class Permissions
{
    private const Role Everyone = Role.Trainer | Role.Operator | Role.Observer | Role.Coordinator;

    private const string Update = "/quorate.v1.Transfer/Upload (an update)";
    private const string SeedModel = "/quorate.v1.Transfer/Upload (a seed model)";
    private const string InitialModel = "/quorate.v1.Transfer/Upload (a trainer's initial model)";

    /// <summary>By the calls' full names, as gRPC writes them.</summary>
    private static readonly FrozenDictionary<string, Role> _rows = new Dictionary<string, Role>
    {
        ["/quorate.v1.Federation/Status"] = Everyone,
        ["/quorate.v1.Federation/WhoLeads"] = Everyone,
        ["/quorate.v1.Federation/Join"] = Role.Trainer,
        ["/quorate.v1.Federation/Attend"] = Role.Trainer,
        ["/quorate.v1.Transfer/Download"] = Everyone,
        ["/quorate.v1.Transfer/Offer"] = Role.Trainer | Role.Operator,
        ["/quorate.v1.Transfer/Upload"] = Role.Trainer | Role.Operator,
        // What is offered or uploaded is in the header, and has a row of its own.
        [Update] = Role.Trainer,
        [SeedModel] = Role.Operator,
        [InitialModel] = Role.Trainer, // Only in runs that ask their trainers for it.
        ["/quorate.v1.Admin/OpenRun"] = Role.Operator,
        ["/quorate.v1.Admin/StopRun"] = Role.Operator,
        ["/quorate.v1.Admin/PauseRun"] = Role.Operator,
        ["/quorate.v1.Admin/ResumeRun"] = Role.Operator,
        ["/quorate.v1.Admin/HoldLevel"] = Role.Operator,
        ["/quorate.v1.Admin/LimitRuns"] = Role.Operator,
        ["/quorate.v1.Peers/PutBlob"] = Role.Coordinator,
        ["/quorate.v1.Peers/Barrier"] = Role.Coordinator,
        ["/quorate.v1.Peers/Hello"] = Role.Coordinator | Role.Operator | Role.Observer, // It shows the chain hashes.
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>The roles that may make a call. False: the table has no row for it.</summary>
    public static bool TryFind(string method, out Role roles) => _rows.TryGetValue(method, out roles);

    /// <summary>The row of an upload, once its header is known.</summary>
    public static string NameOf(UploadOffer offer) =>
        offer is UpdateOffer ? Update : offer is SeedOffer { Maker: not null } ? InitialModel : SeedModel;

    /// <summary>The full name of a call that arrives over a weight stream; empty: there is no such call.</summary>
    public static string NameOf(StreamMethod method) => method switch
    {
        StreamMethod.Download => "/quorate.v1.Transfer/Download",
        StreamMethod.Upload => "/quorate.v1.Transfer/Upload",
        StreamMethod.PutBlob => "/quorate.v1.Peers/PutBlob",
        _ => "",
    };
}

/// <summary>
/// Decides whether a caller may make a call. gRPC and weight streams both ask it, before anything else is read of the
/// call.
/// </summary>
/// <param name="allowAnonymous">True as long as the cluster has no certificates, because no caller can prove a role
/// without them.</param>
internal sealed class Authorizer(bool allowAnonymous)
{
    public static readonly Authorizer WithoutCertificates = new(allowAnonymous: true);

    /// <exception cref="RpcException">PERMISSION_DENIED: the caller may not make this call.</exception>
    public void Require(Caller caller, string method)
    {
        if (!Permissions.TryFind(method, out var roles))
            throw LeaderGate.Refusal(StatusCode.PermissionDenied, $"No role may call {method}.");
        if (caller.Role == Role.Anonymous && allowAnonymous) return;
        if ((caller.Role & roles) == 0) throw LeaderGate.Refusal(StatusCode.PermissionDenied,
            $"{(caller.Role == Role.Anonymous ? "An anonymous caller" : $"{caller.Role} '{caller.Identity}'")} may not "
            + $"call {method}, which needs the role {roles}.");
    }
}

/// <summary>Asks the <see cref="Authorizer"/> for every gRPC call, and attaches the caller to it.</summary>
internal sealed class AuthorizingInterceptor(Authorizer authorizer) : Interceptor
{
    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        Require(context);
        return continuation(request, context);
    }

    public override Task<TResponse> ClientStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, ServerCallContext context,
        ClientStreamingServerMethod<TRequest, TResponse> continuation)
    {
        Require(context);
        return continuation(requestStream, context);
    }

    public override Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context,
        ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        Require(context);
        return continuation(request, responseStream, context);
    }

    public override Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context, DuplexStreamingServerMethod<TRequest, TResponse> continuation)
    {
        Require(context);
        return continuation(requestStream, responseStream, context);
    }

    private void Require(ServerCallContext context)
    {
        var caller = context.GetHttpContext().Features.Get<Caller>() ?? Caller.Anonymous;
        caller.Attach(context);
        authorizer.Require(caller, context.Method);
    }
}
