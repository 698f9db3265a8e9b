using Quorate.Rounds;
using Quorate.Shared.Protocol;

namespace Quorate.Client.Attending;

/// <summary>
/// What this trainer is doing, as its heartbeats say it. Written by the work, read by the heartbeats: they share
/// nothing else, so a long transfer or a long step can never delay a heartbeat.
/// </summary>
public sealed class Presence(TrainerId trainer, ulong incarnation)
{
    private volatile Snapshot _now = new(Activity.Idle, 0, 0);

    private sealed record Snapshot(Activity Activity, int Round, float Progress);

    public ulong Incarnation => incarnation;

    public void Set(Activity activity, int round, double progress) =>
        _now = new Snapshot(activity, round, (float)progress);

    public Heartbeat ToHeartbeat(string run)
    {
        var now = _now;
        return new Heartbeat
        {
            Run = run, Trainer = trainer.ToString(), Incarnation = incarnation,
            Activity = now.Activity, Round = now.Round, Progress = now.Progress,
        };
    }
}
