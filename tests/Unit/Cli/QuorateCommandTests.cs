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
        // `quorate chaos` in a full /tmp ended with a stack trace, and with the exit code of a broken promise.
        { new ProgramEndedException("Node 1 ended with exit code 4."), (int)ExitCode.ProcessDied },
        { new TimeoutException("No sign of a leader."), (int)ExitCode.TimedOut },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task What_goes_wrong_for_the_user_has_an_exit_code_of_its_own(Exception fault, int code) =>
        Assert.Equal(code, await QuorateCommand.Guarded(_ => throw fault, CancellationToken.None));
}
