using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Quorate.Coordinator;
using Quorate.Coordinator.Consensus.DotNext;
using Quorate.Coordinator.Disk;
using Quorate.Unit.Consensus;

namespace Quorate.Unit.Cluster;

/// <summary>A node whose data directory another build wrote stops at its start, and says what to do.</summary>
public sealed class OtherBuildTests
{
    public static TheoryData<bool> Kinds => OtherBuild.Kinds;

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_log_entry_of_another_build_stops_the_node_with_its_sentence_and_exit_code(bool earlier)
    {
        await using var cluster = await StoppedAsync();
        byte[] entry = LogPayload.Wrap(Guid.NewGuid(), OtherBuild.Command(earlier));
        await OtherBuild.AppendAsync(cluster.Options(0).DataDirectory, entry);

        for (int start = 0; start < 2; start++) await StopsAsync(cluster, earlier);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_snapshot_of_another_build_stops_the_node_with_its_sentence_and_exit_code(bool earlier)
    {
        await using var cluster = await StoppedAsync();
        string snapshot = Path.Combine(cluster.Options(0).DataDirectory, "snapshots", "2-1");
        await File.WriteAllBytesAsync(snapshot, SnapshotBytes.Of(OtherBuild.State(earlier)));

        for (int start = 0; start < 2; start++) await StopsAsync(cluster, earlier);
        Assert.True(File.Exists(snapshot));
    }

    /// <summary>A cluster of one node, which has voted and was stopped.</summary>
    private static async Task<TestCluster> StoppedAsync()
    {
        var cluster = await TestCluster.StartAsync(nodes: 1);
        await cluster.StopAsync(0);
        return cluster;
    }

    /// <summary>
    /// Starts the node as the program does, until it ends by itself. It may find the entry during its start, which then
    /// fails, or just after it; then an emergency stop logs the sentence.
    /// </summary>
    private static async Task StopsAsync(TestCluster cluster, bool earlier)
    {
        var options = cluster.Options(0);
        using var data = DataDirectory.Open(options.DataDirectory, 0);
        using var bound = new CancellationTokenSource(TestCluster.Patience);
        using var log = new CriticalLines();
        try
        {
            var node = new CoordinatorNode(options, data, logging => logging.AddProvider(log));
            Assert.Equal(ExitCode.Broken, await node.RunAsync(bound.Token));
            string stop = Assert.Single(
                log.Lines, line => line.StartsWith("This node stops with exit code 4", StringComparison.Ordinal));
            OtherBuild.IsExplained(stop, earlier);
        }
        catch (Exception e) when (ExitCode.Of(e) is { } code)
        {
            Assert.Equal(ExitCode.Broken, code);
            OtherBuild.IsExplained(e.Message, earlier);
        }
    }

    private sealed class CriticalLines : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = new();
        public ILogger CreateLogger(string categoryName) => this;
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;
        public bool IsEnabled(LogLevel logLevel) => logLevel == LogLevel.Critical;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel)) Lines.Enqueue(formatter(state, exception));
        }

        public void Dispose()
        {
        }
    }
}
