using Grpc.Core;
using Quorate.Shared.Protocol;

namespace Quorate.Shared.Transfer.Streams;

/// <summary>
/// Sends the calls that carry weights (Download, Upload, PutBlob) over plain TCP, one frame per part, and all others
/// over gRPC. HTTP/2 splits every megabyte into 64 frames and copies it four times; here the kernel takes and gives
/// whole parts. Callers see no difference: the same calls, answers and failures.
/// </summary>
public sealed class StreamInvoker(StreamConnections streams, CallInvoker others) : CallInvoker
{
    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        method.FullName == TransferContract.Download.FullName && request is DownloadRequest download
            ? (AsyncServerStreamingCall<TResponse>)(object)Download(download, options)
            : others.AsyncServerStreamingCall(method, host, options, request);

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options)
    {
        StreamMethod? stream = method.FullName == TransferContract.Upload.FullName ? StreamMethod.Upload
            : method.FullName == TransferContract.PutBlob.FullName ? StreamMethod.PutBlob : null;
        return stream is { } known
            ? (AsyncClientStreamingCall<TRequest, TResponse>)(object)Upload(known, options)
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

    private AsyncServerStreamingCall<Part> Download(DownloadRequest request, CallOptions options)
    {
        if (options.Headers is { Count: > 0 } headers)
        {
            request = request.Clone();
            CallHeaders.Write(headers, request.Headers);
        }
        var call = new DownloadCall(streams, request, options.CancellationToken);
        return new AsyncServerStreamingCall<Part>(
            call, Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], call.Dispose);
    }

    private AsyncClientStreamingCall<Part, VerdictReply> Upload(StreamMethod method, CallOptions options)
    {
        var call = new UploadCall(streams, method, options.Headers, options.CancellationToken);
        return new AsyncClientStreamingCall<Part, VerdictReply>(
            call, call.Answer, Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], call.Dispose);
    }
}
