using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Doors;
using Quorate.Coordinator.Intake;
using Quorate.Rounds;
using Quorate.Unit.Blobs;
using Quorate.Unit.Consensus;

namespace Quorate.Unit.Doors;

public sealed class AttendanceLimitTests
{
    [Fact]
    public async Task A_trainer_above_the_attendance_limit_is_refused_with_a_sentence()
    {
        using var limits = new CallLimits(TimeProvider.System);
        for (int i = 0; i < CallLimits.AttendancesMax; i++) _ = limits.Attendance();
        var options = TestOptions.Of(node: 0);
        var log = new LeadingLog();
        // The limit is checked before anything else is used.
        var service = new FederationService(
            log, new LeaderGate(log, options), limits, attendance: null!, signal: null!, view: null!, options,
            TimeProvider.System, lifetime: null!, NullLogger<FederationService>.Instance);

        var refusal = await Assert.ThrowsAsync<RpcException>(() => service.Attend(null!, null!, null!));

        Assert.Equal(StatusCode.ResourceExhausted, refusal.StatusCode);
        Assert.Equal("This coordinator already serves 20000 attending trainers, its limit: try again in a moment.",
            refusal.Status.Detail);
    }

    private sealed class LeadingLog : StubLog
    {
        public override ClusterState State => ClusterState.Empty;
        public override Leadership Leadership => new(0, 1, CancellationToken.None);
    }
}
