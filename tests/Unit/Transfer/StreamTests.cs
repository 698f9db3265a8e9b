using Grpc.Core;
using Microsoft.Extensions.Time.Testing;
using Quorate.Coordinator.Doors;
using Quorate.Rounds;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;
using Quorate.Shared.Transfer.Streams;
using Quorate.Unit.Blobs;
using static Quorate.Unit.Blobs.TestBlobs;

namespace Quorate.Unit.Transfer;

/// <summary>Weight streams keep gRPC's promises about a call.</summary>
public sealed class StreamTests
{
    private static readonly byte[] _content = Bytes(5 * Part.BytesUsual + 77);
    private static readonly BlobHash _hash = BlobHash.Of(_content);

    [Fact]
    public async Task Clients_that_speak_only_gRPC_are_served_on_the_same_port()
    {
        await using var nodes = await TestNodes.StartAsync();
        var upload = new BlobUpload(
            (_, _) => ValueTask.FromResult(nodes[0].GrpcClient), new RetryRules(), TimeProvider.System);
        var reply = await upload.SendAsync(Header(), nodes.File(_content), null, default);
        Assert.Equal(VerdictCode.Accepted, reply.Verdict);
        string path = nodes.NewPath();
        await new BlobDownload([nodes[0].GrpcClient], new RetryRules(), TimeProvider.System)
            .FetchAsync(_hash, _content.Length, path, null, default);
        Assert.Equal(_content, File.ReadAllBytes(path));
    }

    [Fact]
    public async Task A_refusal_carries_its_code_its_sentence_and_its_trailers()
    {
        await using var nodes = await TestNodes.StartAsync(1);
        nodes[0].Admit = _ => throw new RpcException(
            new Status(StatusCode.FailedPrecondition, "Node 2 leads."), new Metadata { { "quorate-leader-id", "2" } });
        using var call = nodes[0].Client.Upload(default);
        using var part = Part.Rent(10);
        part.Fill(0, 10);
        part.Header = Header();
        await call.RequestStream.WriteAsync(part);
        var refusal = await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync);
        Assert.Equal((StatusCode.FailedPrecondition, "Node 2 leads."), (refusal.StatusCode, refusal.Status.Detail));
        Assert.Equal("2", refusal.Trailers.GetValue("quorate-leader-id"));
    }

    /// <summary>Raft's heartbeats use the same thread pool and must find a free thread.</summary>
    [Fact]
    public async Task Weight_streams_run_at_most_as_many_steps_at_a_time_as_there_are_cores()
    {
        await using var nodes = await TestNodes.StartAsync(1);
        int steps = 0;
        nodes[0].Admit = _ =>
        {
            steps = TaskScheduler.Current.MaximumConcurrencyLevel;
            return null;
        };
        var upload = new BlobUpload(
            (_, _) => ValueTask.FromResult(nodes[0].Client), new RetryRules(), TimeProvider.System);
        await upload.SendAsync(Header(), nodes.File(_content), null, default);
        Assert.Equal(Math.Max(2, Environment.ProcessorCount), steps);
    }

    [Fact]
    public async Task One_connection_serves_many_calls_including_refused_ones()
    {
        await using var nodes = await TestNodes.StartAsync(1);
        await nodes[0].Store.PutAsync(_content);
        var taken = await nodes[0].Streams.TakeAsync(default);
        nodes[0].Streams.Return(taken);
        foreach (var (offset, works) in new[] { (0L, true), (_content.Length + 1L, false), (0L, true) })
        {
            using var call = nodes[0].Client.Download(
                new DownloadRequest { Blob = Header().Blob, Offset = offset }, default);
            try
            {
                while (await call.ResponseStream.MoveNext(default)) call.ResponseStream.Current.Dispose();
                Assert.True(works);
            }
            catch (RpcException)
            {
                Assert.False(works);
            }
            var idle = await nodes[0].Streams.TakeAsync(default);
            Assert.Same(taken, idle);
            nodes[0].Streams.Return(idle);
        }
    }

    [Fact]
    public async Task A_call_that_is_dropped_in_the_middle_closes_its_connection()
    {
        await using var nodes = await TestNodes.StartAsync(1);
        await nodes[0].Store.PutAsync(_content);
        var taken = await nodes[0].Streams.TakeAsync(default);
        nodes[0].Streams.Return(taken);
        using (var call = nodes[0].Client.Download(new DownloadRequest { Blob = Header().Blob }, default))
        {
            Assert.True(await call.ResponseStream.MoveNext(default));
            call.ResponseStream.Current.Dispose();
        }
        Assert.NotSame(taken, await nodes[0].Streams.TakeAsync(default));
    }

    [Fact]
    public async Task A_client_that_leaves_during_a_download_is_not_reported_as_a_failure()
    {
        await using var nodes = await TestNodes.StartAsync(1);
        await nodes[0].Store.PutAsync(_content);
        var reader = new TwoWay(await RequestAsync(), room: 2 * Part.BytesUsual);
        await nodes[0].StreamServer.ServeAsync(reader, Caller.Anonymous, default, default);
        Assert.InRange(reader.Written.Length, Part.BytesUsual, 2 * Part.BytesUsual);
        Assert.Empty(nodes[0].Failures);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(5)] // All but the last part, which goes out with the end.
    public async Task A_client_that_stops_reading_is_cut_and_a_slow_one_is_not(int taken)
    {
        var time = new FakeTimeProvider();
        await using var nodes = await TestNodes.StartAsync(1, time);
        await nodes[0].Store.PutAsync(_content);
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int writes = 0;
        var reader = new TwoWay(await RequestAsync())
        {
            Taking = token =>
            {
                if (++writes > taken) stopped.TrySetResult();
                else time.Advance(TestNode.Options.SenderTimeout - TimeSpan.FromSeconds(1));
                return writes > taken ? Task.Delay(Timeout.InfiniteTimeSpan, time, token) : Task.CompletedTask;
            },
        };
        var serving = nodes[0].StreamServer.ServeAsync(reader, Caller.Anonymous, default, default);
        await stopped.Task;
        Assert.False(serving.IsCompleted);
        time.Advance(TestNode.Options.SenderTimeout);
        await serving.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(taken + 1, writes);
        Assert.Empty(nodes[0].Failures);
    }

    [Theory]
    [InlineData(20, 600)] // All but the end.
    [InlineData(20 + 50, 300)] // In the middle of the second part.
    [InlineData(20 + 320, 300)]
    [InlineData(20 + 320 + 50, 0)]
    [InlineData(20 + 320 + 320 + 5, 0)] // In the middle of the header.
    public async Task A_connection_that_breaks_during_an_upload_is_not_reported_as_a_failure(
        int missing, long kept)
    {
        await using var nodes = await TestNodes.StartAsync(2);
        foreach (var (node, method) in nodes.All.Zip([StreamMethod.Upload, StreamMethod.PutBlob]))
        {
            byte[] sent = (await RecordAsync(method))[..^missing];
            await node.StreamServer.ServeAsync(new TwoWay(sent) { Breaks = true }, Caller.Anonymous, default, default);
            Assert.Empty(node.Failures);
            Assert.Equal(kept, node.Store.PartLength(_hash));
        }
    }

    [Theory]
    [InlineData("another kind", new byte[] { 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 })]
    [InlineData("a kind above a byte", new byte[] { 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 })]
    [InlineData("a part of 2 GiB", new byte[] { 2, 0, 0, 0, 255, 255, 255, 127, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 })]
    [InlineData("a negative length", new byte[] { 2, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 })]
    [InlineData("a message of 1 MiB", new byte[] { 4, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 })]
    [InlineData("an end with a payload", new byte[] { 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 })]
    [InlineData("a negative offset", new byte[] { 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128, 0, 0, 0, 0 })]
    public void An_impossible_frame_head_is_refused(string what, byte[] head)
    {
        Assert.NotEmpty(what);
        Assert.Throws<InvalidDataException>(() => Frame.Read(head));
    }

    [Fact]
    public async Task Random_bytes_end_the_connection_and_cost_little_memory()
    {
        await using var nodes = await TestNodes.StartAsync(1);
        byte[] good = await RecordAsync();
        var random = new Random(20261122);
        var server = nodes[0].StreamServer;
        long before = GC.GetTotalAllocatedBytes();
        for (int i = 0; i < 2_000; i++)
        {
            byte[] bytes = good[..random.Next(good.Length + 1)];
            for (int flips = random.Next(1, 4); flips > 0 && bytes.Length > 0; flips--)
                bytes[random.Next(Math.Min(bytes.Length, 200))] = (byte)random.Next(256);
            var pipe = new TwoWay(bytes);
            await server.ServeAsync(pipe, Caller.Anonymous, default, default).WaitAsync(TimeSpan.FromSeconds(30));
        }
        Assert.Empty(nodes[0].Committed);
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 2_000L * 300_000);
    }

    /// <summary>The bytes of a download request.</summary>
    private static async Task<byte[]> RequestAsync()
    {
        var pipe = new TwoWay([]);
        var frames = new FrameStream(pipe);
        frames.AppendPreface();
        frames.Append(FrameKind.Call, new DownloadRequest { Blob = Header().Blob }, (long)StreamMethod.Download);
        await frames.FlushAsync(default);
        return pipe.Written.ToArray();
    }

    /// <summary>The bytes of an upload in two parts, as a client sends them.</summary>
    private static async Task<byte[]> RecordAsync(StreamMethod method = StreamMethod.Upload)
    {
        var pipe = new TwoWay([]);
        var frames = new FrameStream(pipe);
        frames.AppendPreface();
        frames.Append(FrameKind.Call, Header(), (long)method);
        foreach (int offset in new[] { 0, 300 })
        {
            using var part = Part.Rent(300);
            _content.AsSpan(offset, 300).CopyTo(part.Room.Span);
            part.Fill(offset, 300);
            await frames.SendAsync(part, default);
        }
        frames.Append(FrameKind.End);
        await frames.FlushAsync(default);
        return pipe.Written.ToArray();
    }

    private static UploadHeader Header() =>
        new() { Blob = Google.Protobuf.ByteString.CopyFrom(_hash.ToArray()), Length = _content.Length };
}
