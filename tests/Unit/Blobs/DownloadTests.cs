using Grpc.Core;
using Quorate.Rounds;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;
using static Quorate.Unit.Blobs.TestBlobs;

namespace Quorate.Unit.Blobs;

/// <summary>BlobDownload from real nodes that cut the transfer, damage parts or lack the blob.</summary>
public sealed class DownloadTests
{
    private static readonly byte[] _content = Bytes(5 * Part.BytesUsual + 77);
    private static readonly BlobHash _hash = BlobHash.Of(_content);
    private static readonly RetryRules _rules = new()
    {
        Attempts = 3, Delay = TimeSpan.FromMilliseconds(1), DelayMax = TimeSpan.FromMilliseconds(5), Jitter = () => 0.5,
    };

    [Fact]
    public async Task A_cut_download_continues_at_another_replica()
    {
        await using var nodes = await StartAsync(2);
        nodes[0].Sending = (count, _) => { if (count == 4) throw new RpcException(new Status(StatusCode.Unavailable,
            "cut")); };
        string path = nodes.NewPath();
        long progress = 0;
        await Download(nodes).FetchAsync(_hash, _content.Length, path, at => progress = at, default);
        Assert.Equal(_content, File.ReadAllBytes(path));
        Assert.Equal(_content.Length, progress);
        Assert.Equal((3L * Part.BytesUsual, 0L), Assert.Single(nodes[1].Downloads));
        Assert.False(File.Exists(path + ".part"));
    }

    [Fact]
    public async Task A_damaged_part_is_requested_again_by_itself()
    {
        await using var nodes = await StartAsync(1);
        nodes[0].Sending = (count, part) => { if (count == 3) part.Room.Span[5] ^= 1; };
        string path = nodes.NewPath();
        await Download(nodes).FetchAsync(_hash, _content.Length, path, null, default);
        Assert.Equal(_content, File.ReadAllBytes(path));
        Assert.Equal([(0L, 0L), (2L * Part.BytesUsual, (long)Part.BytesUsual)], nodes[0].Downloads);
    }

    [Fact]
    public async Task A_download_resumes_what_an_earlier_process_left()
    {
        await using var nodes = await StartAsync(1);
        string path = nodes.NewPath();
        File.WriteAllBytes(path + ".part", _content[..300_000]);
        await Download(nodes).FetchAsync(_hash, _content.Length, path, null, default);
        Assert.Equal((300_000L, 0L), Assert.Single(nodes[0].Downloads));
        Assert.Equal(_content, File.ReadAllBytes(path));
    }

    [Fact]
    public async Task A_damaged_partial_file_of_an_earlier_process_is_discarded()
    {
        await using var nodes = await StartAsync(1);
        string path = nodes.NewPath();
        File.WriteAllBytes(path + ".part", Bytes(300_000, seed: 9));
        await Download(nodes).FetchAsync(_hash, _content.Length, path, null, default);
        Assert.Equal(_content, File.ReadAllBytes(path));
    }

    [Fact]
    public async Task A_replica_without_the_blob_is_skipped_and_if_none_has_it_the_download_is_given_up()
    {
        await using var nodes = await StartAsync(2);
        nodes[0].Store.Lose(_hash);
        string path = nodes.NewPath();
        await Download(nodes).FetchAsync(_hash, _content.Length, path, null, default);
        nodes[1].Store.Lose(_hash);
        var fault = await Assert.ThrowsAsync<TransferException>(
            () => Download(nodes).FetchAsync(_hash, _content.Length, nodes.NewPath(), null, default));
        Assert.Contains(_hash.ToString(), fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_blob_that_always_arrives_wrong_never_gets_its_name()
    {
        await using var nodes = await StartAsync(1);
        nodes[0].Sending = (_, part) =>
        {
            part.Room.Span[0] ^= 1;
            part.Fill(part.Offset, part.Length);
        };
        string path = nodes.NewPath();
        await Assert.ThrowsAsync<TransferException>(
            () => Download(nodes).FetchAsync(_hash, _content.Length, path, null, default));
        Assert.False(File.Exists(path));
    }

    [Fact]
    public async Task An_impossible_range_is_refused()
    {
        await using var nodes = await StartAsync(1);
        foreach (var (offset, length) in new[] { (-1L, 0L), (_content.Length + 1L, 0L), (5L, -1L), (
            5L, (long)_content.Length), (1L, long.MaxValue) })
        {
            var request = new DownloadRequest { Blob = Google.Protobuf.ByteString.CopyFrom(_hash.ToArray()),
                Offset = offset, Length = length };
            using var call = nodes[0].Client.Download(request, default);
            var fault = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(default));
            Assert.Equal(StatusCode.OutOfRange, fault.StatusCode);
        }
    }

    [Fact]
    public async Task A_cancelled_download_stops_and_keeps_what_it_has()
    {
        await using var nodes = await StartAsync(1);
        using var stop = new CancellationTokenSource();
        string path = nodes.NewPath();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Download(nodes).FetchAsync(_hash, _content.Length, path, _ => stop.Cancel(), stop.Token));
        Assert.True(File.Exists(path + ".part"));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(300_000)]
    [InlineData(3_000_000)]
    public async Task A_download_over_an_older_file_leaves_nothing_of_it(int old)
    {
        await using var nodes = await StartAsync(1);
        string path = nodes.NewPath();
        File.WriteAllBytes(path + ".over", Bytes(old, seed: 9));
        await Download(nodes).FetchAsync(_hash, _content.Length, path, null, default);
        Assert.Equal((0L, 0L), Assert.Single(nodes[0].Downloads));
        Assert.Equal(_content, File.ReadAllBytes(path));
        Assert.Equal([path], Directory.GetFiles(Path.GetDirectoryName(path)!, Path.GetFileName(path) + "*"));
    }

    [Fact]
    public async Task An_older_file_that_is_not_overwritten_is_deleted()
    {
        await using var nodes = await StartAsync(1);
        string path = nodes.NewPath();
        File.WriteAllBytes(path + ".part", _content[..300_000]);
        File.WriteAllBytes(path + ".over", Bytes(3_000_000, seed: 9));
        await Download(nodes).FetchAsync(_hash, _content.Length, path, null, default);
        Assert.Equal(_content, File.ReadAllBytes(path));
        Assert.False(File.Exists(path + ".over"));
    }

    [Fact]
    public async Task A_cut_download_over_an_older_file_is_continued()
    {
        await using var nodes = await StartAsync(1);
        using var stop = new CancellationTokenSource();
        string path = nodes.NewPath();
        File.WriteAllBytes(path + ".over", Bytes(3_000_000, seed: 9));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Download(nodes).FetchAsync(_hash, _content.Length, path, _ => stop.Cancel(), stop.Token));
        byte[] came = File.ReadAllBytes(path + ".part");
        Assert.Equal(_content[..came.Length], came);
        Assert.InRange(came.Length, 1, _content.Length - 1);
        await Download(nodes).FetchAsync(_hash, _content.Length, path, null, default);
        Assert.Equal((came.Length, 0L), nodes[0].Downloads[^1]);
        Assert.Equal(_content, File.ReadAllBytes(path));
    }

    private static async Task<TestNodes> StartAsync(int count)
    {
        var nodes = await TestNodes.StartAsync(count);
        foreach (var node in nodes.All) await node.Store.PutAsync(_content);
        return nodes;
    }

    private static BlobDownload Download(TestNodes nodes) =>
        new([.. nodes.All.Select(node => node.Client)], _rules, TimeProvider.System);
}
