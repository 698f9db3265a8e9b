using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Quorate.Coordinator;
using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Driving;
using Quorate.Coordinator.Telemetry;
using Quorate.Rounds;
using Quorate.Unit.Blobs;
using Quorate.Unit.Consensus;

namespace Quorate.Unit.Driving;

public sealed class DiskWatchTests : IDisposable
{
    private const long Total = 100L << 30;

    private static readonly long _mark = BlobStoreOptions.UploadMark(Total);

    private readonly FakeTimeProvider _time = new();
    private readonly OperatorNotices _notices = new();
    private readonly EmergencyStop _emergency = new(
        new ApplicationLifetime(NullLogger<ApplicationLifetime>.Instance), NullLogger<EmergencyStop>.Instance);
    private readonly SomeLog _log = new();
    private readonly DiskWatch _watch;
    private long _free = Total;
    private int _stepDowns;

    public DiskWatchTests() => _watch = new DiskWatch(
        TestOptions.Of(node: 0), _log, _notices, _emergency, _ => new DiskSpace(_free, Total), _time, _ =>
        {
            _stepDowns++;
            return Task.CompletedTask;
        });

    public void Dispose() => _watch.Dispose();

    [Fact]
    public async Task A_leader_whose_disk_is_nearly_full_steps_down_and_says_why()
    {
        _free = _mark;
        await _watch.LookAsync(default);
        Assert.Equal(0, _stepDowns);
        Assert.Empty(_notices.All);

        _free = _mark - 1;
        await _watch.LookAsync(default);

        Assert.Equal(1, _stepDowns);
        Assert.StartsWith("This node refuses uploads", Assert.Single(_notices.All), StringComparison.Ordinal);
        Assert.Equal(ExitCode.Stopped, _emergency.Code);
    }

    [Fact]
    public async Task A_leader_that_is_elected_again_steps_down_once_a_minute_at_most()
    {
        _free = _mark - 1;
        await _watch.LookAsync(default);
        _time.Advance(DiskWatch.StepDownEvery - TimeSpan.FromTicks(1));
        await _watch.LookAsync(default);
        Assert.Equal(1, _stepDowns);
        _time.Advance(TimeSpan.FromTicks(1));
        await _watch.LookAsync(default);
        Assert.Equal(2, _stepDowns);
    }

    [Fact]
    public async Task A_follower_whose_disk_is_nearly_full_only_says_so_until_there_is_room()
    {
        _log.Leader = 1;
        _free = _mark - 1;
        await _watch.LookAsync(default);
        Assert.Equal(0, _stepDowns);
        Assert.Single(_notices.All);

        _free = _mark;
        await _watch.LookAsync(default);

        Assert.Empty(_notices.All);
    }

    [Fact]
    public async Task A_node_whose_disk_is_full_stops()
    {
        _free = DiskWatch.BytesKept - 1;
        await _watch.LookAsync(default);
        Assert.Equal((ExitCode.Broken, 0), (_emergency.Code, _stepDowns));
    }

    [Fact]
    public void Unfinished_blobs_are_deleted_before_a_start_is_refused_for_lack_of_room()
    {
        using var directory = new TestDirectory();
        string part = Directory.CreateDirectory(Path.Combine(directory.Root, "parts")).FullName + "/part";
        File.WriteAllText(part, "the start of an upload");

        DiskWatch.MakeRoom(directory.Root, _ => new DiskSpace(DiskWatch.BytesKept, Total));
        Assert.True(File.Exists(part));

        DiskWatch.MakeRoom(
            directory.Root, _ => new DiskSpace(DiskWatch.BytesKept - (File.Exists(part) ? 1 : 0), Total));
        Assert.False(File.Exists(part));

        var refusal = Assert.Throws<DiskFullException>(
            () => DiskWatch.MakeRoom(directory.Root, _ => new DiskSpace(DiskWatch.BytesKept - 1, Total)));
        Assert.Contains("make room", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Broken, ExitCode.Of(refusal));
    }

    private sealed class SomeLog : StubLog
    {
        public int Leader { get; set; }
        public override ClusterState State => ClusterState.Empty;
        public override Leadership Leadership => new(Leader, 1, new CancellationToken(canceled: Leader != 0));
    }
}
