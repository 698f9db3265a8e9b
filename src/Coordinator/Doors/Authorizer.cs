using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Quorate.Coordinator.Doors;

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
