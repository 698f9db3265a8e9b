using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Quorate.Coordinator.Blobs;
using Quorate.Rounds;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;
using Quorate.Shared.Transfer.Streams;
using Quorate.Unit.Transfer;
using static Quorate.Unit.Blobs.TestBlobs;

namespace Quorate.Unit.Blobs;

/// <summary>
/// Three nodes, real sockets: uploads, relays, repair. Promises P1 (durable before it is acknowledged) and P8 (a
/// refusal changes nothing).
/// </summary>
public sealed class ReplicationTests
{
    private static readonly byte[] _content = Bytes(5 * Part.BytesUsual + 77);
    private static readonly BlobHash _hash = BlobHash.Of(_content);
    private static readonly RetryRules _rules = new() { Delay = TimeSpan.FromMilliseconds(1),
        DelayMax = TimeSpan.FromMilliseconds(5), Jitter = () => 0.5 };

    [Fact]
    public async Task An_upload_is_committed_only_with_two_durable_copies_and_takes_no_third()
    {
        await using var nodes = await TestNodes.StartAsync();
        int copies = 0;
        nodes[0].Commit = (_, path) =>
        {
            Assert.Equal(nodes[0].Store.PathOf(_hash), path);
            copies = nodes.All.Count(node => node.Store.Exists(_hash));
            return new VerdictReply { Verdict = VerdictCode.Accepted };
        };
        Assert.Equal(VerdictCode.Accepted, (await UploadAsync(nodes)).Verdict);
        Assert.Equal(2, copies);
        Assert.Equal(2, nodes.All.Count(node => node.Store.Exists(_hash)));
    }

    [Fact]
    public async Task Both_followers_share_the_work()
    {
        await using var nodes = await TestNodes.StartAsync();
        for (int seed = 0; seed < 16; seed++) Assert.Equal(
            VerdictCode.Accepted, (await UploadAsync(nodes, Bytes(100, seed))).Verdict);
        Assert.Equal(16, nodes[0].Store.List().Count());
        Assert.Equal(16, nodes[1].Store.List().Count() + nodes[2].Store.List().Count());
        Assert.NotEmpty(nodes[1].Store.List());
        Assert.NotEmpty(nodes[2].Store.List());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_follower_that_fails_or_stalls_midway_is_replaced_by_another(bool stalls)
    {
        await using var nodes = await TestNodes.StartAsync();
        TestNode? bad = null;
        foreach (var node in nodes.All.Skip(1))
        {
            node.Received = async (count, token) =>
            {
                if (count < 3 || (Interlocked.CompareExchange(ref bad, node, null) ?? node) != node) return;
                if (!stalls) throw new RpcException(new Status(StatusCode.Unavailable, "dying"));
                await Task.Delay(Timeout.Infinite, token);
            };
        }
        Assert.Equal(VerdictCode.Accepted, (await UploadAsync(nodes)).Verdict);
        Assert.NotNull(bad);
        Assert.False(bad.Store.Exists(_hash));
        Assert.Equal(2, nodes.All.Count(node => node.Store.Exists(_hash)));
    }

    [Fact]
    public async Task Nothing_is_accepted_without_a_second_copy_and_the_upload_goes_through_once_a_follower_is_back()
    {
        await using var nodes = await TestNodes.StartAsync();
        bool down = true;
        foreach (var node in nodes.All.Skip(1))
            node.Received = (_, _) => down ? throw new RpcException(new Status(StatusCode.Unavailable, "down"))
                : Task.CompletedTask;
        await Assert.ThrowsAsync<TransferException>(() => UploadAsync(nodes, rules: _rules with { Attempts = 2 }));
        Assert.Empty(nodes[0].Committed);
        down = false;
        Assert.Equal(VerdictCode.Accepted, (await UploadAsync(nodes)).Verdict);
        Assert.Single(nodes[0].Committed);
    }

    [Fact]
    public async Task A_cut_upload_continues_at_the_last_good_byte()
    {
        await using var nodes = await TestNodes.StartAsync();
        int received = 0;
        nodes[0].Received = (count, _) => Interlocked.Increment(ref received) == 4 ? throw new IOException("cut")
            : Task.CompletedTask;
        Assert.Equal(VerdictCode.Accepted, (await UploadAsync(nodes)).Verdict);
        // Six parts, one of them twice: the one at which the transfer was cut.
        Assert.Equal(7, received);
    }

    [Fact]
    public async Task A_damaged_part_or_one_out_of_order_is_answered_with_the_offset_to_continue_at()
    {
        await using var nodes = await TestNodes.StartAsync();
        var damaged = await SendAsync(nodes[0], Sealed(0, 1000, header: true), Sealed(1000, 1000, damage: true));
        Assert.Equal((VerdictCode.Incomplete, 1000L), (damaged.Verdict, damaged.Have));
        var gap = await SendAsync(nodes[0], Sealed(3000, 1000, header: true));
        Assert.Equal((VerdictCode.Incomplete, 1000L), (gap.Verdict, gap.Have));
    }

    [Fact]
    public async Task A_sender_of_only_empty_parts_is_cut_after_the_time_limit()
    {
        using var directory = new TestDirectory();
        using var store = directory.Store();
        using var writer = await store.BeginAsync(_hash, _content.Length, default);
        var time = new FakeTimeProvider();
        using var guard = new StallGuard(TimeSpan.FromSeconds(30), time, default);
        var parts = new EmptyParts(() => time.Advance(TimeSpan.FromSeconds(10)));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => BlobReceiver.AppendAsync(writer!, Sealed(0, 0, header: true), parts, guard));
        Assert.Equal(2, parts.Sent);
    }

    [Fact]
    public async Task Bytes_that_do_not_fit_their_header_are_rejected_and_leave_nothing()
    {
        await using var nodes = await TestNodes.StartAsync();
        var wrong = Header(_hash, 1000);
        foreach (var parts in new Part[][]
        {
            [Sealed(0, 1000, wrong)],                                   // another hash
            [Sealed(0, 900, wrong)],                                    // too short
            [Sealed(0, 900, wrong), Sealed(900, 200)],                  // too long
            [Sealed(0, 1000, wrong), Sealed(1000, 1)],                  // too long by a part
        })
        {
            var reply = await SendAsync(nodes[0], parts);
            Assert.Equal(VerdictCode.Rejected, reply.Verdict);
            Assert.NotEmpty(reply.Reason);
            Assert.Equal(0, nodes[0].Store.PartLength(_hash));
        }
        foreach (var header in new[] { Header(_hash, 0), Header(_hash, -1), Header(_hash, Limits.BlobBytes + 1),
            new UploadHeader { Length = 5 } })
            Assert.Equal(VerdictCode.Rejected, (await SendAsync(nodes[0], Sealed(0, 5, header))).Verdict);
        Assert.Equal(VerdictCode.Rejected, (await SendAsync(nodes[0], Sealed(0, 5))).Verdict);
        Assert.Empty(nodes[0].Committed);
    }

    [Fact]
    public async Task An_upload_that_is_not_admitted_is_answered_at_once_and_a_held_blob_is_not_sent_again()
    {
        await using var nodes = await TestNodes.StartAsync();
        nodes[0].Admit = _ => new VerdictReply { Verdict = VerdictCode.Stale };
        Assert.Equal(VerdictCode.Stale, (await UploadAsync(nodes)).Verdict);
        Assert.Equal(0, nodes[0].Store.PartLength(_hash));

        nodes[0].Admit = _ => null;
        await nodes[0].Store.PutAsync(_content);
        int received = 0;
        nodes[0].Received = (_, _) => { received++; return Task.CompletedTask; };
        Assert.Equal(VerdictCode.Accepted, (await UploadAsync(nodes)).Verdict);
        Assert.Equal(1, received);
        Assert.Equal(2, nodes.All.Count(node => node.Store.Exists(_hash)));
    }

    [Fact]
    public async Task A_draft_is_copied_to_all_nodes_while_it_becomes_a_blob_and_the_copies_are_counted()
    {
        await using var nodes = await TestNodes.StartAsync();
        await nodes[1].Store.PutAsync(_content);
        Assert.Equal(3, await AdoptAsync(nodes[0], _content));
        Assert.All(nodes.All, node => Assert.True(node.Store.Exists(_hash)));
        await nodes[2].StopAsync();
        Assert.Equal(2, await AdoptAsync(nodes[0], Bytes(1000)));
        await nodes[1].StopAsync();
        Assert.Equal(1, await AdoptAsync(nodes[0], Bytes(1000, 3)));
        Assert.True(nodes[0].Store.Exists(BlobHash.Of(Bytes(1000, 3))));

        static async Task<int> AdoptAsync(TestNode node, byte[] content)
        {
            string path = node.Store.NewDraft();
            await File.WriteAllBytesAsync(path, content);
            using var draft = await node.Store.DraftAsync(path, default);
            return await node.Replication.AdoptAsync(draft, default);
        }
    }

    [Fact]
    public async Task The_puller_pulls_wanted_blobs_that_are_missing()
    {
        await using var nodes = await TestNodes.StartAsync();
        await nodes[1].Store.PutAsync(_content);
        nodes[1].Sending = (count, part) => { if (count == 2) part.Room.Span[9] ^= 1; };
        await nodes[2].Store.PutAsync(_content);
        var puller = new Puller(
            nodes[0].Store, nodes[0].Replication, () =>
                [new WantedBlob(_hash, _content.Length)], TimeProvider.System, NullLogger<Puller>.Instance);
        await puller.PassAsync(default);
        Assert.True(await nodes[0].Store.HasAsync(_hash, default));
        nodes[0].Store.Lose(_hash);
        await puller.StartAsync(default);
        puller.Wake();
        while (!nodes[0].Store.Exists(_hash)) await Task.Yield();
        await puller.StopAsync(default);
    }

    [Fact]
    public async Task The_scrub_repairs_a_flipped_bit_from_a_peer()
    {
        await using var nodes = await TestNodes.StartAsync();
        byte[] small = Bytes(1000);
        var hash = BlobHash.Of(small);
        foreach (var node in nodes.All) await node.Store.PutAsync(small);
        Flip(nodes[0].Store.PathOf(hash), 999);
        var scrub = new Scrub(nodes[0].Store, nodes[0].Replication, TimeProvider.System, NullLogger<Scrub>.Instance);
        Assert.Equal(1, await scrub.PassAsync(default));
        Assert.Equal(small, File.ReadAllBytes(nodes[0].Store.PathOf(hash)));
        Assert.Equal(0, await scrub.PassAsync(default));
    }

    [Fact]
    public async Task Silent_damage_is_found_when_the_peers_refuse_the_blob()
    {
        await using var nodes = await TestNodes.StartAsync();
        using var directory = new TestDirectory();
        using var store = directory.Store(disk: new OddDisk(_ => default)); // Every file seems unchanged.
        var hash = await store.PutAsync(_content);
        var replication = new Replication(
            store, nodes[0].Peers, TestNode.Options, TimeProvider.System, NullLogger<Replication>.Instance);
        Flip(store.PathOf(hash), 7);
        Assert.True(await store.HasAsync(hash, default)); // The damage is not visible.
        Assert.Equal(0, await replication.EnsureAsync(Incoming(hash), copies: 2, default));
        Assert.False(store.Exists(hash));
    }

    [Theory]
    [InlineData(VerdictCode.Unspecified)]
    [InlineData((VerdictCode)77)]
    public async Task A_verdict_that_the_client_does_not_know_ends_the_upload_with_a_sentence(VerdictCode verdict)
    {
        await using var nodes = await TestNodes.StartAsync();
        int answers = 0;
        nodes[0].Commit = (_, _) =>
        {
            answers++;
            return new VerdictReply { Verdict = verdict };
        };

        var refusal = await Assert.ThrowsAsync<TransferException>(() => UploadAsync(nodes));

        Assert.Equal($"The leader answered with verdict {(int)verdict}, which this program does not know: update it.",
            refusal.Message);
        Assert.Equal(1, answers);
    }

    private static async Task<VerdictReply> UploadAsync(
        TestNodes nodes, byte[]? content = null, RetryRules? rules = null)
    {
        content ??= _content;
        var upload = new BlobUpload((_, _) => ValueTask.FromResult(nodes[0].Client), rules ?? _rules,
            TimeProvider.System);
        return await upload.SendAsync(Header(BlobHash.Of(content), content.Length), nodes.File(content), null, default);
    }

    /// <summary>Simulation seed 51: an update was rejected for good because its receiver had lost power.</summary>
    [Theory]
    [InlineData(1, 400)]
    [InlineData(1000, 1000)]
    [InlineData(5 * Part.BytesUsual, 3 * Part.BytesUsual)]
    public async Task A_damaged_partial_upload_costs_another_attempt_and_never_the_update(int length, int rest)
    {
        await using var nodes = await TestNodes.StartAsync();
        byte[] content = Bytes(length, seed: 7);
        await LeaveRestAsync(nodes[0].Store, content, rest, damage: true);
        Assert.Equal(VerdictCode.Accepted, (await UploadAsync(nodes, content)).Verdict);
        Assert.True(nodes.All.Count(node => node.Store.Exists(BlobHash.Of(content))) >= 2);
    }

    [Fact]
    public async Task A_small_upload_continues_where_an_interrupted_one_ended()
    {
        await using var nodes = await TestNodes.StartAsync();
        byte[] content = Bytes(1000, seed: 7);
        await LeaveRestAsync(nodes[0].Store, content, 1000, damage: false);
        Assert.Equal(VerdictCode.Accepted, (await UploadAsync(nodes, content)).Verdict);
    }

    /// <summary>Simulation seed 4: the driver ended, and the coordinator with it.</summary>
    [Fact]
    public async Task A_peer_with_a_damaged_answer_counts_as_unreachable()
    {
        using var directory = new TestDirectory();
        using var store = directory.Store();
        byte[] noise = Bytes(64);
        var streams = new StreamConnections(_ => Task.FromResult(new StreamConnection(
            new TwoWay(noise), () => true)));
        var peer = new Peer(1, new StreamInvoker(streams, null!));
        var replication = new Replication(
            store, [peer], TestNode.Options, TimeProvider.System, NullLogger<Replication>.Instance);
        var hash = await store.PutAsync(_content);
        Assert.Equal(1, await replication.EnsureAsync(Incoming(hash), copies: 2, default));
    }

    /// <summary>A hundred empty parts; an action runs before each of them.</summary>
    private sealed class EmptyParts(Action before) : IAsyncStreamReader<Part>
    {
        public int Sent { get; private set; }

        public Part Current => Sealed(0, 0);

        public Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            before();
            cancellationToken.ThrowIfCancellationRequested();
            return Task.FromResult(++Sent <= 100);
        }
    }

    /// <summary>What a node has in parts/ after it died in the middle of an upload.</summary>
    private static async Task LeaveRestAsync(BlobStore store, byte[] content, int rest, bool damage)
    {
        byte[] left = content[..Math.Min(rest, content.Length)];
        if (damage) left[^1] ^= 1;
        using var writer = await store.BeginAsync(BlobHash.Of(content), content.Length, default);
        writer!.Append(left);
    }

    private static async Task<VerdictReply> SendAsync(TestNode node, params Part[] parts)
    {
        using var call = node.Client.Upload(default);
        try
        {
            foreach (var part in parts) await call.RequestStream.WriteAsync(part);
            await call.RequestStream.CompleteAsync();
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException)
        {
            // Answered early.
        }
        return await call.ResponseAsync;
    }

    private static Part Sealed(long offset, int length, bool header = false, bool damage = false)
    {
        var part = Sealed(offset, length, header ? Header(_hash, _content.Length) : null);
        if (damage) part.Room.Span[0] ^= 1;
        return part;
    }

    private static Part Sealed(long offset, int length, UploadHeader? header)
    {
        var part = Part.Rent(length);
        _content.AsSpan((int)offset, length).CopyTo(part.Room.Span);
        part.Fill(offset, length);
        part.Header = header;
        return part;
    }

    private static IncomingBlob Incoming(BlobHash hash) => new(hash, _content.Length, Round: null);

    private static UploadHeader Header(BlobHash hash, long length) => new() { Blob = Name(hash), Length = length };

    private static ByteString Name(BlobHash hash) => ByteString.CopyFrom(hash.ToArray());
}
