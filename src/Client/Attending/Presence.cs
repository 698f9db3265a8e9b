using Quorate.Rounds;
using Quorate.Shared.Protocol;

namespace Quorate.Client.Attending;

/// <summary>
/// What this trainer is doing, as its heartbeats report it. The work writes it and the heartbeats read it. They share
/// nothing else, so a long transfer or a long step never delays a heartbeat.
/// </summary>
public sealed class Presence(TrainerId trainer, ulong incarnation)
{
    private volatile Snapshot _now = new(Activity.Idle, 0, 0);
    private volatile Trouble? _trouble;
    private volatile bool _leaving;

    private sealed record Snapshot(Activity Activity, int Round, float Progress);

    private sealed record Trouble(RunId Run, string Sentence);

    public ulong Incarnation => incarnation;

    public void Set(Activity activity, int round, double progress) =>
        _now = new Snapshot(activity, round, (float)progress);

    /// <summary>Why this trainer does not do its part in the run.</summary>
    public void Report(RunId run, string sentence) => _trouble = new Trouble(run, sentence);

    public void ReportWell() => _trouble = null;

    /// <summary>The process ends.</summary>
    public void ReportLeaving() => _leaving = true;

    /// <param name="run">The run whose data is loaded.</param>
    public Heartbeat ToHeartbeat(RunId? run)
    {
        var (now, trouble) = (_now, _trouble);
        // A trouble is about the run that it names, which is not the loaded one while another is being prepared.
        var subject = trouble?.Run ?? run;
        return new Heartbeat
        {
            Run = subject?.ToString() ?? "", Trainer = trainer.ToString(), Incarnation = incarnation,
            Activity = now.Activity, Round = now.Round, Progress = now.Progress, Leaving = _leaving,
            Fault = trouble is null ? "" : Limits.CutReason(trouble.Sentence),
        };
    }
}
