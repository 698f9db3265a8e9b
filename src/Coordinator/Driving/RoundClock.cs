using Quorate.Rounds;

namespace Quorate.Coordinator.Driving;

/// <summary>
/// How long this leader has seen a run's current round open, and open with enough updates. It uses a monotonic local
/// clock, so a jump of the wall clock neither closes a round early nor keeps it open.
/// </summary>
internal sealed class RoundClock(TimeProvider time)
{
    private int? _round;
    private long _opened;
    private long? _enough;

    public (TimeSpan SinceOpened, TimeSpan SinceEnough) Look(Run run)
    {
        // A paused round gets its whole deadline again when the run continues.
        if (_round != run.Round || run.Phase != Phase.Training || run.Paused)
            (_round, _opened, _enough) = (run.Round, time.GetTimestamp(), null);
        if (_enough is null && run.Updates.Count >= run.Rules.MinResults) _enough = time.GetTimestamp();
        return (time.GetElapsedTime(_opened), _enough is { } enough ? time.GetElapsedTime(enough) : TimeSpan.Zero);
    }
}
