using Quorate.Chaos.Campaigns;
using Quorate.Chaos.Processes;
using Quorate.Cli;
using Quorate.Cli.Commands;
using Quorate.Shared.Transfer;

namespace Quorate.Unit.Cli;

public sealed class QuorateCommandTests
{
    public static TheoryData<Exception, int> Faults => new()
    {
        { new CommandException(ExitCode.BadInput, "No."), (int)ExitCode.BadInput },
        { new IOException("The disk is full."), (int)ExitCode.BadInput },
        { new TransferException("Given up."), (int)ExitCode.TimedOut },
        // With a full /tmp, `quorate chaos` once ended with a stack trace and the exit code of a broken promise.
        { new ProgramEndedException("Node 1 ended with exit code 4."), (int)ExitCode.ProcessDied },
        { new TimeoutException("There is no leader."), (int)ExitCode.TimedOut },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Each_kind_of_expected_error_has_its_exit_code(Exception fault, int code) =>
        Assert.Equal(code, await QuorateCommand.Guarded(_ => throw fault, CancellationToken.None));

    [Fact]
    public void The_object_of_mixed_versions_has_exactly_the_promised_names() => Assert.Equal(
        ("{'cycles':20,'rounds':900,'failedRounds':0,'updatesRetrained':0,'historiesEqual':true,'raised':true,"
            + "'oldBuildRefused':true}").Replace('\'', '"'),
        new MixedReport(20, 900, 0, 0, true, true, true).ToJson());

    [Theory]
    [InlineData(900, 0, 0, true, true, true, true)]
    [InlineData(900, 1, 0, true, true, true, false)]
    [InlineData(900, 0, 1, true, true, true, false)]
    [InlineData(900, 0, 0, false, true, true, false)]
    [InlineData(900, 0, 0, true, false, true, false)]
    [InlineData(900, 0, 0, true, true, false, false)]
    [InlineData(19, 0, 0, true, true, true, false)]
    public void Mixed_versions_pass_only_if_nothing_went_wrong_and_enough_happened(
        int rounds, int failed, int retrained, bool equal, bool raised, bool refused, bool passed) =>
        Assert.Equal(passed, new MixedReport(20, rounds, failed, retrained, equal, raised, refused).Passed);
}
