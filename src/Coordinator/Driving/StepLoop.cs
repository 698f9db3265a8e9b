using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Evaluation;
using Quorate.Coordinator.Telemetry;
using Quorate.Pt;
using Quorate.Rounds;

namespace Quorate.Coordinator.Driving;

/// <summary>
/// Repeats a step of the leader. A step that fails (no reachable node has a blob, the disk is full, the quorum is lost)
/// is logged and retried after a pause that doubles up to <see cref="_pauseMax"/>; the state does not change.
/// </summary>
internal sealed partial class StepLoop(OperatorNotices notices, TimeProvider time, ILogger<StepLoop> logger)
{
    private static readonly TimeSpan _pauseMin = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan _pauseMax = TimeSpan.FromSeconds(5);

    /// <summary>A step that has failed for a second and a half is worth a notice in the status.</summary>
    private static readonly TimeSpan _noticedPause = TimeSpan.FromSeconds(1);

    /// <param name="what">What the steps are for, in the log.</param>
    /// <param name="step">Looks at the state anew, and returns false when nothing is left to do.</param>
    /// <param name="token">The leadership's.</param>
    public async Task RepeatAsync(string what, Func<CancellationToken, Task<bool>> step, CancellationToken token)
    {
        string topic = $"steps of {what}";
        try
        {
            for (var pause = _pauseMin; ;)
            {
                try
                {
                    if (!await step(token)) return;
                    pause = _pauseMin;
                    notices.Withdraw(topic);
                    continue;
                }
                catch (Exception e) when (IsTransient(e))
                {
                    LogStepFailed(what, pause.TotalSeconds, e.Message);
                    if (pause >= _noticedPause)
                        notices.Post(topic, $"The next step for {what} fails, and the leader retries: {e.Message}");
                }
                await Task.Delay(pause, time, token);
                pause = pause * 2 < _pauseMax ? pause * 2 : _pauseMax;
            }
        }
        finally
        {
            notices.Withdraw(topic); // The next leader has its own.
        }
    }

    private static bool IsTransient(Exception e) =>
        e is IOException or NotLeaderException or OutcomeUnknownException or BlobUnavailableException
            or PtFormatException or TrainerProgramException or StepRefusedException;

    [LoggerMessage(EventIds.StepFailed, LogLevel.Warning,
        "A step for {What} failed; retrying in {Seconds:F2} s: {Reason}")]
    private partial void LogStepFailed(string what, double seconds, string reason);
}

/// <summary>The state machine refused a step's fact. Nothing changed; the next look shows why.</summary>
internal sealed class StepRefusedException(string reason) : Exception(reason);

internal static class StepProposals
{
    /// <exception cref="StepRefusedException">The state machine refused it.</exception>
    public static async Task RequireAsync(this IReplicatedLog log, Command command, CancellationToken token)
    {
        var outcome = await log.ProposeAsync(command, token);
        if (!outcome.Holds) throw new StepRefusedException(outcome.Reason);
    }
}
