using System.Buffers.Binary;
using DotNext.IO.Log;
using DotNext.Net.Cluster.Consensus.Raft;
using DotNext.Net.Cluster.Consensus.Raft.StateMachine;
using Microsoft.Extensions.Logging.Abstractions;
using Quorate.Coordinator.Consensus;
using Refused = Quorate.Coordinator.Consensus.NotLeaderException;

namespace Quorate.Unit.Consensus;

/// <summary>
/// What a follower acknowledges must be on its disk. The on-disk checkpoint says how much of the log survives a kill:
/// it is read right after the append path of a follower has returned, which is when the leader counts its vote.
/// </summary>
public sealed class DurableWalTests : IDisposable
{
    private const int Entries = 100;

    private readonly TemporaryDirectory _root = new();

    [Fact]
    public async Task What_a_follower_acknowledges_is_on_its_disk() =>
        Assert.Equal(Entries, await CountDurableAsync((options, state) => new DurableWal(options, state)));

    /// <summary>
    /// The canary: should the library's own log pass the check above one day, DurableWal can be dropped.
    /// </summary>
    [Fact]
    public async Task The_stock_log_still_acknowledges_before_it_is_durable() =>
        Assert.True(await CountDurableAsync((options, state) => new WriteAheadLog(options, state)) < Entries);

    /// <summary>
    /// The library has the new term before it ends the leadership; with an entry signed by that term, at an index where
    /// the new leader has another, histories fork.
    /// </summary>
    [Fact]
    public async Task A_leader_that_was_deposed_adds_nothing_in_its_successors_term_nor_in_its_own()
    {
        await using var state = OpenState();
        await using var log = new DurableWal(Options, state);
        IPersistentState seenByTheCluster = log;
        long term = await seenByTheCluster.IncrementTermAsync(default);
        await seenByTheCluster.AppendAsync(new EmptyLogEntry { Term = term });
        await AddAsync(term);

        await seenByTheCluster.UpdateTermAsync(term + 1, resetLastVote: true);

        await Assert.ThrowsAsync<Refused>(() => AddAsync(term + 1));
        await Assert.ThrowsAsync<Refused>(() => AddAsync(term));
        Assert.Equal(2, log.LastEntryIndex);
        term = await seenByTheCluster.IncrementTermAsync(default);
        await Assert.ThrowsAsync<Refused>(() => AddAsync(term)); // It stands for election.
        await seenByTheCluster.AppendAsync(new EmptyLogEntry { Term = term });
        await AddAsync(term);
        Assert.Equal(4, log.LastEntryIndex);

        Task AddAsync(long signed) => seenByTheCluster.AppendAsync(
            new BinaryLogEntry { Content = new byte[100], Term = signed }, CancellationToken.None).AsTask();
    }

    public void Dispose() => _root.Dispose();

    private WriteAheadLog.Options Options => new()
    {
        Location = Path.Combine(_root.Path, "wal"), ChunkSize = 1 << 20,
        HashAlgorithm = WriteAheadLog.IntegrityHashAlgorithm.XxHash3,
    };

    private ReplicatedState OpenState() => new(new DirectoryInfo(Path.Combine(_root.Path, "snapshots")), 1000,
        new FailStop(_ => { }, NullLogger.Instance));

    private async Task<int> CountDurableAsync(Func<WriteAheadLog.Options, ReplicatedState, WriteAheadLog> open)
    {
        await using var state = OpenState();
        await using var log = open(Options, state);

#pragma warning disable CA1859 // Called through the interface, as the cluster does: that is what DurableWal relies on.
        IAuditTrail<IRaftLogEntry> seenByTheCluster = log;
#pragma warning restore CA1859
        int durable = 0;
        for (long index = 1; index <= Entries; index++)
        {
            var entry = new LogEntryProducer<BinaryLogEntry>(new BinaryLogEntry { Content = new byte[100], Term = 1 });
            await seenByTheCluster.AppendAsync(entry, index, skipCommitted: false, CancellationToken.None);
            if (LastIndexOnDisk(Options.Location) >= index) durable++;
        }
        return durable;
    }

    /// <summary>The library's checkpoint: version (4 bytes), commit index (8), last index (8).</summary>
    private static long LastIndexOnDisk(string directory)
    {
        using var file = new FileStream(Path.Combine(directory, "checkpoint"), FileMode.Open, FileAccess.Read,
            FileShare.ReadWrite);
        var bytes = new byte[20];
        return file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length
            ? 0 // not written yet
            : BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(12));
    }
}
