using Quorate.Rounds;
using Quorate.Shared.Protocol;

namespace Quorate.Client.Attending;

/// <summary>
/// What is wrong in a trainer's own surroundings (disk, data, device, the run's plan), as its terminal and its
/// heartbeats say it. Faults of the network and of coordinators are not among them. Used by the work under way only.
/// </summary>
internal sealed class OwnFaults(
    AttendSettings settings, Presence presence, Terminal terminal, TimeProvider time)
{
    /// <summary>The longest run of failures that still doubles the pause.</summary>
    private const int DoublingsMax = 10;

    /// <summary>What is tried again, as it was last said; null while all is well.</summary>
    private string? _said;
    private int _failures;

    /// <summary>Nothing that this process can do helps.</summary>
    /// <param name="next">A sentence that says what happens next.</param>
    public void Report(RunId run, string why, string next)
    {
        terminal.Complain($"cannot do its part in run {run}: {why} {next}");
        presence.Report(run, why);
        presence.Set(Activity.Idle, 0, 0);
    }

    /// <summary>
    /// The fault may pass, or somebody may mend it: a full disk, missing data. The first announcement after the pause
    /// leads to the same step again.
    /// </summary>
    public async Task WaitForCureAsync(RunId run, string why, CancellationToken token)
    {
        if (why != _said) terminal.Complain($"{why} Trying again until it works.");
        _said = why;
        presence.Report(run, why);
        presence.Set(Activity.Idle, 0, 0);
        var pause = settings.RetryAfterMax * (1 << Math.Min(_failures++, DoublingsMax));
        await Task.Delay(pause < settings.CureAfterMax ? pause : settings.CureAfterMax, time, token)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>A step has succeeded.</summary>
    public void End()
    {
        if (_said is not null) terminal.Say("what was wrong works again");
        (_said, _failures) = (null, 0);
        presence.ReportWell();
    }
}
