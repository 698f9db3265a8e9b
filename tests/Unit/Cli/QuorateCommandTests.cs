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
}
