using Grpc.Core;
using Quorate.Shared.Protocol;

namespace Quorate.Shared.Transfer.Streams;

/// <summary>
/// Sends the calls that carry weights (Download, Upload, PutBlob) over plain TCP, a frame a part, and all others over
/// gRPC. HTTP/2 cuts every megabyte into 64 frames and copies it four times on its way; here the part is what the
/// kernel is given and what it gives. Callers see no difference: the same calls, answers and failures.
/// </summary>
public sealed class StreamInvoker(StreamConnections streams, CallInvoker others) : CallInvoker
{
    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        method.FullName == TransferContract.Download.FullName && request is DownloadRequest download
            ? (AsyncServerStreamingCall<TResponse>)(object)Download(download, options.CancellationToken)
            : others.AsyncServerStreamingCall(method, host, options, request);

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options)
    {
        StreamMethod? stream = method.FullName == TransferContract.Upload.FullName ? StreamMethod.Upload
            : method.FullName == TransferContract.PutBlob.FullName ? StreamMethod.PutBlob : null;
        return stream is { } known
            ? (AsyncClientStreamingCall<TRequest, TResponse>)(object)Upload(known, options.CancellationToken)
            : others.AsyncClientStreamingCall(method, host, options);
    }

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) =>
        others.AsyncDuplexStreamingCall(method, host, options);

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        others.AsyncUnaryCall(method, host, options, request);

    public override TResponse BlockingUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        others.BlockingUnaryCall(method, host, options, request);

    private AsyncServerStreamingCall<Part> Download(DownloadRequest request, CancellationToken token)
    {
        var call = new DownloadCall(streams, request, token);
        return new AsyncServerStreamingCall<Part>(
            call, Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], call.Dispose);
    }

    private AsyncClientStreamingCall<Part, VerdictReply> Upload(StreamMethod method, CancellationToken token)
    {
        var call = new UploadCall(streams, method, token);
        return new AsyncClientStreamingCall<Part, VerdictReply>(
            call, call.Answer, Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], call.Dispose);
    }
}
