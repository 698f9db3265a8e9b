using DotNext.Net.Cluster.Consensus.Raft;
using DotNext.Net.Cluster.Consensus.Raft.StateMachine;
using Microsoft.Extensions.Logging.Abstractions;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Consensus.DotNext;
using Quorate.Rounds;
using Quorate.Unit.Rounds;

namespace Quorate.Unit.Consensus;

/// <summary>What other builds wrote to a node's directory.</summary>
internal static class OtherBuild
{
    /// <summary>A command as the first format had it.</summary>
    private static readonly byte[] _earlierCommand =
        Convert.FromHexString("01080600000064696769747301000000000000000103000000776879");

    /// <summary>The empty state of the first format.</summary>
    private static readonly byte[] _earlierState = [1, .. new byte[44]];

    /// <summary>An earlier format, and a higher feature level.</summary>
    public static TheoryData<bool> Kinds => [true, false];

    /// <param name="earlier">Of an earlier format; otherwise of a higher feature level.</param>
    public static byte[] Command(bool earlier)
    {
        if (earlier) return _earlierCommand;
        byte[] command = Scene.Bytes(Commands.Open());
        command[1] = FeatureLevel.Supported + 1;
        return command;
    }

    public static byte[] State(bool earlier)
    {
        if (earlier) return _earlierState;
        byte[] state = StateCodec.Encode(ClusterState.Empty);
        state[1] = FeatureLevel.Supported + 1;
        return state;
    }

    /// <summary>
    /// Asserts that a node was stopped with the right sentence, and was not told to give up its data.
    /// </summary>
    public static void IsExplained(string message, bool earlier)
    {
        Assert.EndsWith(
            earlier ? CommandCodecTests.EarlierFormat : CommandCodecTests.HigherLevel, message,
            StringComparison.Ordinal);
        Assert.DoesNotContain("damaged", message, StringComparison.Ordinal);
        Assert.DoesNotContain("--rejoin", message, StringComparison.Ordinal);
    }

    /// <summary>Commits an entry to the log in <paramref name="directory"/> without checking it.</summary>
    public static async Task AppendAsync(string directory, byte[] content)
    {
        await using var state = new ReplicatedState(
            new DirectoryInfo(Path.Combine(directory, "snapshots")), 100, new FailStop(_ => { }, NullLogger.Instance));
        await state.RestoreAsync();
        await using var log = new WriteAheadLog(RaftNode.LogOptions(Path.Combine(directory, "wal")), state);
        state.StartApplying();
        await log.InitializeAsync();
        IPersistentState seenByTheCluster = log;
        await log.AppendAsync(new BinaryLogEntry { Content = content, Term = seenByTheCluster.Term });
        await log.CommitAsync(log.LastEntryIndex);
        await log.FlushAsync();
    }
}
