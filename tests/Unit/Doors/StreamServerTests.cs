using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Time.Testing;
using Quorate.Coordinator.Doors;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;
using Quorate.Shared.Transfer.Streams;
using Quorate.Unit.Transfer;

namespace Quorate.Unit.Doors;

/// <summary>What a weight stream's server knows of a caller, and what it refuses.</summary>
public sealed class StreamServerTests
{
    private static readonly DownloadRequest _request = new() { Blob = ByteString.CopyFrom(new byte[32]) };

    private readonly FakeTimeProvider _time = new();
    private readonly Recorder _transfer = new();

    [Fact]
    public async Task A_service_sees_the_name_the_caller_and_the_headers_of_a_call()
    {
        var request = _request.Clone();
        CallHeaders.Write(new Metadata { { "traceparent", "00-1" } }, request.Headers);
        var anna = new Caller("anna", Role.Trainer);

        await ServeAsync(await CallAsync(request, (long)StreamMethod.Download), anna);

        Assert.Equal("/quorate.v1.Transfer/Download", _transfer.Method);
        Assert.Equal("00-1", _transfer.Headers!.GetValue("traceparent"));
        Assert.Equal(anna, _transfer.Caller);
    }

    [Fact]
    public async Task A_call_that_the_callers_role_may_not_make_is_refused_before_its_parts_are_read()
    {
        byte[] put = await CallAsync(new UploadHeader(), (long)StreamMethod.PutBlob);

        var fault = await FaultAsync(put, new Caller("anna", Role.Trainer));

        Assert.Equal(StatusCode.PermissionDenied, fault.StatusCode);
    }

    [Fact]
    public async Task A_call_with_an_unknown_number_is_refused_with_a_sentence()
    {
        var fault = await FaultAsync(await CallAsync(_request, method: 9), Caller.Anonymous);

        Assert.Equal(StatusCode.Unimplemented, fault.StatusCode);
        Assert.Equal("No call has the number 9; this coordinator knows 1 (Download), 2 (Upload), 3 (PutBlob).",
            fault.Status.Detail);
    }

    [Theory]
    [InlineData(3)] // Half of the preface.
    [InlineData(8 + 20 + 5)] // Half of the call's message.
    public async Task A_message_that_never_ends_is_waited_for_only_so_long(int bytes)
    {
        byte[] start = (await CallAsync(_request, (long)StreamMethod.Download))[..bytes];
        var pipe = new TwoWay(start) { IsSilent = true };
        var serving = Server().ServeAsync(pipe, Caller.Anonymous, default, default);
        await pipe.Silent;
        Assert.False(serving.IsCompleted);

        _time.Advance(TimeSpan.FromSeconds(11));

        await serving.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Null(_transfer.Method);
    }

    [Fact]
    public async Task A_header_that_claims_more_than_a_message_may_have_takes_no_memory()
    {
        byte[] call = await CallAsync(_request, (long)StreamMethod.Download);
        BitConverter.TryWriteBytes(call.AsSpan(Frame.Preface.Length + 4), int.MaxValue);
        var server = Server();
        await server.ServeAsync(new TwoWay(call), Caller.Anonymous, default, default);
        long before = GC.GetAllocatedBytesForCurrentThread();

        var serving = server.ServeAsync(new TwoWay(call), Caller.Anonymous, default, default);

        Assert.True(serving.IsCompletedSuccessfully);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000);
        Assert.Null(_transfer.Method);
    }

    private StreamServer Server() => new(
        _transfer, new NoPeers(), new Authorizer(allowAnonymous: true), _time, fault => Assert.Fail(fault.ToString()));

    private async Task<TwoWay> ServeAsync(byte[] bytes, Caller caller)
    {
        var pipe = new TwoWay(bytes);
        await Server().ServeAsync(pipe, caller, default, default).WaitAsync(TimeSpan.FromSeconds(60));
        return pipe;
    }

    private async Task<RpcException> FaultAsync(byte[] bytes, Caller caller)
    {
        var frames = new FrameStream(new MemoryStream((await ServeAsync(bytes, caller)).Written.ToArray()));
        var head = await frames.ReadHeadAsync(default);
        return (await frames.ReadMessageAsync(head!.Value, StreamFault.Parser, default)).ToException();
    }

    private static async Task<byte[]> CallAsync(IMessage request, long method)
    {
        var pipe = new TwoWay([]);
        var frames = new FrameStream(pipe);
        frames.AppendPreface();
        frames.Append(FrameKind.Call, request, method);
        await frames.FlushAsync(default);
        return pipe.Written.ToArray();
    }

    private sealed class Recorder : TransferBase
    {
        public string? Method { get; private set; }
        public Metadata? Headers { get; private set; }
        public Caller? Caller { get; private set; }

        public override Task Download(DownloadRequest request, IServerStreamWriter<Part> parts,
            ServerCallContext context)
        {
            (Method, Headers, Caller) = (context.Method, context.RequestHeaders, Caller.Of(context));
            return Task.CompletedTask;
        }

        public override Task<VerdictReply> Offer(UploadHeader header, ServerCallContext context) =>
            throw new NotSupportedException();

        public override Task<VerdictReply> Upload(IAsyncStreamReader<Part> parts, ServerCallContext context) =>
            throw new NotSupportedException();
    }

    private sealed class NoPeers : PeersBase
    {
        public override Task<VerdictReply> PutBlob(IAsyncStreamReader<Part> parts, ServerCallContext context) =>
            throw new NotSupportedException();

        public override Task<HelloReply> Hello(HelloRequest request, ServerCallContext context) =>
            throw new NotSupportedException();

        public override Task<BarrierReply> Barrier(BarrierRequest request, ServerCallContext context) =>
            throw new NotSupportedException();
    }
}
