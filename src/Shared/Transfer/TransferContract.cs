using Google.Protobuf;
using Grpc.Core;
using Quorate.Shared.Protocol;

namespace Quorate.Shared.Transfer;

/// <summary>
/// The services Transfer and Peers, bound by hand so that <see cref="Part"/> uses <see cref="PartCodec"/>. The names on
/// the wire are those that any protobuf tool generates.
/// </summary>
public static class TransferContract
{
    private const string TransferName = "quorate.v1.Transfer", PeersName = "quorate.v1.Peers";

    private static readonly Marshaller<VerdictReply> _verdict = MessageMarshaller(VerdictReply.Parser);
    private static readonly Marshaller<UploadHeader> _header = MessageMarshaller(UploadHeader.Parser);

    internal static readonly Method<DownloadRequest, Part> Download = new(
        MethodType.ServerStreaming, TransferName, "Download", MessageMarshaller(DownloadRequest.Parser),
            PartCodec.Marshaller);

    internal static readonly Method<UploadHeader, VerdictReply> Offer = new(
        MethodType.Unary, TransferName, "Offer", _header, _verdict);

    internal static readonly Method<Part, VerdictReply> Upload = new(
        MethodType.ClientStreaming, TransferName, "Upload", PartCodec.Marshaller, _verdict);

    internal static readonly Method<Part, VerdictReply> PutBlob = new(
        MethodType.ClientStreaming, PeersName, "PutBlob", PartCodec.Marshaller, _verdict);

    internal static readonly Method<HelloRequest, HelloReply> Hello = new(
        MethodType.Unary, PeersName, "Hello", MessageMarshaller(HelloRequest.Parser), MessageMarshaller(
            HelloReply.Parser));

    internal static readonly Method<BarrierRequest, BarrierReply> Barrier = new(
        MethodType.Unary, PeersName, "Barrier", MessageMarshaller(BarrierRequest.Parser), MessageMarshaller(
            BarrierReply.Parser));

    /// <summary>
    /// Called by gRPC's server with a null service (to learn the methods) or with the service itself.
    /// </summary>
    public static void BindService(ServiceBinderBase binder, TransferBase? service)
    {
        binder.AddMethod(Download, service is null ? null : new ServerStreamingServerMethod<DownloadRequest, Part>(
            service.Download));
        binder.AddMethod(Offer, service is null ? null : new UnaryServerMethod<UploadHeader, VerdictReply>(
            service.Offer));
        binder.AddMethod(Upload, service is null ? null : new ClientStreamingServerMethod<Part, VerdictReply>(
            service.Upload));
    }

    /// <inheritdoc cref="BindService(ServiceBinderBase, TransferBase)"/>
    public static void BindService(ServiceBinderBase binder, PeersBase? service)
    {
        binder.AddMethod(PutBlob, service is null ? null : new ClientStreamingServerMethod<Part, VerdictReply>(
            service.PutBlob));
        binder.AddMethod(Hello, service is null ? null : new UnaryServerMethod<HelloRequest, HelloReply>(
            service.Hello));
        binder.AddMethod(Barrier, service is null ? null : new UnaryServerMethod<BarrierRequest, BarrierReply>(
            service.Barrier));
    }

    private static Marshaller<T> MessageMarshaller<T>(MessageParser<T> parser) where T : class, IMessage<T>,
        IBufferMessage =>
        Marshallers.Create<T>(
            (message, context) =>
            {
                context.SetPayloadLength(message.CalculateSize());
                message.WriteTo(context.GetBufferWriter());
                context.Complete();
            },
            context => parser.ParseFrom(context.PayloadAsReadOnlySequence()));
}

/// <summary>The server's side of the service Transfer.</summary>
[BindServiceMethod(typeof(TransferContract), nameof(TransferContract.BindService))]
public abstract class TransferBase
{
    public abstract Task Download(DownloadRequest request, IServerStreamWriter<Part> parts, ServerCallContext context);

    public abstract Task<VerdictReply> Offer(UploadHeader header, ServerCallContext context);

    /// <summary>The reader of a part disposes it.</summary>
    public abstract Task<VerdictReply> Upload(IAsyncStreamReader<Part> parts, ServerCallContext context);
}

/// <summary>The server's side of the service Peers.</summary>
[BindServiceMethod(typeof(TransferContract), nameof(TransferContract.BindService))]
public abstract class PeersBase
{
    /// <inheritdoc cref="TransferBase.Upload"/>
    public abstract Task<VerdictReply> PutBlob(IAsyncStreamReader<Part> parts, ServerCallContext context);

    public abstract Task<HelloReply> Hello(HelloRequest request, ServerCallContext context);

    public abstract Task<BarrierReply> Barrier(BarrierRequest request, ServerCallContext context);
}

/// <summary>The client's side of the service Transfer. Every call takes a token; deadlines are the caller's.</summary>
public sealed class TransferClient(CallInvoker invoker)
{
    public AsyncServerStreamingCall<Part> Download(DownloadRequest request, CancellationToken token) =>
        invoker.AsyncServerStreamingCall(TransferContract.Download, null, new CallOptions(cancellationToken: token),
            request);

    public AsyncUnaryCall<VerdictReply> Offer(UploadHeader header, CancellationToken token) =>
        invoker.AsyncUnaryCall(TransferContract.Offer, null, new CallOptions(cancellationToken: token), header);

    public AsyncClientStreamingCall<Part, VerdictReply> Upload(CancellationToken token) =>
        invoker.AsyncClientStreamingCall(TransferContract.Upload, null, new CallOptions(cancellationToken: token));
}

/// <summary>The client's side of the service Peers.</summary>
public sealed class PeersClient(CallInvoker invoker)
{
    public AsyncClientStreamingCall<Part, VerdictReply> PutBlob(CancellationToken token) =>
        invoker.AsyncClientStreamingCall(TransferContract.PutBlob, null, new CallOptions(cancellationToken: token));

    public AsyncUnaryCall<HelloReply> Hello(HelloRequest request, CancellationToken token) =>
        invoker.AsyncUnaryCall(TransferContract.Hello, null, new CallOptions(cancellationToken: token), request);

    public AsyncUnaryCall<BarrierReply> Barrier(BarrierRequest request, CancellationToken token) =>
        invoker.AsyncUnaryCall(TransferContract.Barrier, null, new CallOptions(cancellationToken: token), request);
}
