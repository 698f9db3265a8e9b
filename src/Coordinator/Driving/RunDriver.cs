using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Evaluation;
using Quorate.Coordinator.Settings;
using Quorate.Coordinator.Telemetry;
using Quorate.Rounds;
using Quorate.Shared.Processes;

namespace Quorate.Coordinator.Driving;

/// <summary>
/// What the leader does for one active run: look at the state, do the next step, look again. There is no recovery
/// code: every step is idempotent, everything a leader knows is in the state, and a new leader runs this same loop from
/// there. Every wait takes the leadership token, so a deposed leader stops at its next await.
/// </summary>
internal sealed partial class RunDriver(
    RunId id, IReplicatedLog log, BlobStore blobs, Replication replication, ModelBuilder builder,
    TrainerProgram trainer, OperatorNotices notices, EmergencyStop emergency, StepLoop loop, TimeProvider time,
    ILogger<RunDriver> logger)
{
    private readonly RoundClock _clock = new(time);
    private readonly string _initialModel = $"initial model of {id}"; // the topic of a notice

    /// <summary>Drives the run until it has ended.</summary>
    /// <exception cref="OperationCanceledException">The leadership has ended.</exception>
    public async Task RunAsync(CancellationToken token)
    {
        try
        {
            await loop.RepeatAsync($"run {id}", StepAsync, token);
        }
        finally
        {
            notices.Withdraw(_initialModel);
        }
    }

    /// <returns>False: the run has ended.</returns>
    private async Task<bool> StepAsync(CancellationToken token)
    {
        var state = log.State;
        if (state.Find(id) is not { IsActive: true } run) return false;
        if (run.Model is not null) notices.Withdraw(_initialModel);
        var (sinceOpened, sinceEnough) = _clock.Look(run);
        switch (NextStep.Of(run, sinceOpened, sinceEnough))
        {
            case NextStep.MakeInitialModel:
                await MakeInitialModelAsync(state, run, token);
                break;
            case NextStep.Aggregate:
                await AggregateAsync(run, token);
                break;
            case NextStep.Close close:
                CrashPoint.Pass("before-close-round");
                await log.RequireAsync(new Command.CloseRound(id, close.Round, Now), token);
                CrashPoint.Pass("round-closed");
                break;
            case NextStep.Wait wait:
                await WaitAsync(state, wait.Within, token);
                break;
        }
        return true;
    }

    private async Task MakeInitialModelAsync(ClusterState state, Run run, CancellationToken token)
    {
        if (!trainer.Exists || PlanOf(run).Training is null)
        {
            string why = trainer.Exists ? "the run names no model" : "there is no trainer program here";
            if (notices.Post(_initialModel, $"Run {id} waits for an initial model upload: {why}."))
                LogAwaitsSeed(id, why);
            await log.ChangedAsync(state.Index, token);
            return;
        }
        string draft = blobs.NewDraft();
        try
        {
            await trainer.MakeInitialModelAsync(run.Plan, draft, token);
            CrashPoint.Pass("initial-model-made");
            using var model = await blobs.DraftAsync(draft, token);
            await PublishAsync(run, 0, new BuiltModel(model, Memory: null, []), token);
        }
        catch (TrainerProgramException e) when (e.IsBadInput)
        {
            string reason = Limits.CutReason(e.Message);
            await log.RequireAsync(new Command.EndRun(id, Failed: true, reason, Now), token);
        }
        finally
        {
            // The program writes a temporary file and renames it. Delete both, so that retries do not fill the disk.
            File.Delete(draft + ".tmp");
            File.Delete(draft);
        }
    }

    private async Task AggregateAsync(Run run, CancellationToken token)
    {
        using var built = await builder.BuildAsync(
            run.ReadAggregation(), run.Model!, [.. run.Updates.Values], token);
        CrashPoint.Pass("average-built");
        await PublishAsync(run, run.Round, built, token);
    }

    /// <summary>
    /// Bytes first, fact second: a model and its memory are on a majority's disks before one fact names both.
    /// </summary>
    private async Task PublishAsync(Run run, int round, BuiltModel built, CancellationToken token)
    {
        var (model, memory, contributors) = built;
        if (memory is not null) await replication.RequireOnMajorityAsync(memory, token);
        await replication.RequireOnMajorityAsync(model, token);
        CrashPoint.Pass("model-replicated");
        var hash = model.Hash;
        var publish = new Command.PublishModel(id, round, new BlobRef(hash, model.Length), Now)
        {
            Unscored = round > 0 && PlanOf(run).Scoring is null ? PublishedModel.NoScoresAsked : "",
            Memory = memory is null ? null : new BlobRef(memory.Hash, memory.Length),
            Contributors = contributors,
        };
        var outcome = await log.ProposeAsync(publish, token);
        CrashPoint.Pass("model-published");
        if (outcome.Verdict == Verdict.Accepted) LogPublished(round, id, hash.Short, run.Updates.Count);
        if (outcome.Holds) return;
        // Averaging a round twice must give the same bytes; another hash means that a node computes wrongly. Only an
        // initial model may differ, because one may have been uploaded in the meantime.
        if (round > 0 && log.State.Find(id) is { } now && now.Trail.Count > round)
            emergency.Diverged(
                $"Round {round} of run {id} gave {hash.Short}… here and {now.Trail[round].Blob.Short}… before.");
        throw new StepRefusedException(outcome.Reason);
    }

    private async Task WaitAsync(ClusterState state, TimeSpan? within, CancellationToken token)
    {
        if (within is not { } bound)
        {
            await log.ChangedAsync(state.Index, token);
            return;
        }
        using var alarm = new CancellationTokenSource(bound, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(token, alarm.Token);
        try
        {
            await log.ChangedAsync(state.Index, either.Token);
        }
        catch (OperationCanceledException) when (!token.IsCancellationRequested)
        {
            // The deadline or the grace period is over: look again.
        }
    }

    private static Shared.Runs.RunFile PlanOf(Run run) => Shared.Runs.RunFile.Parse(run.Plan);

    private long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    [LoggerMessage(EventIds.ModelPublished, LogLevel.Information,
        "Published round {Round} of run {Run}: model sha256:{Model}, updates {Updates}.")]
    private partial void LogPublished(int round, RunId run, string model, int updates);

    [LoggerMessage(EventIds.AwaitingInitialModel, LogLevel.Warning,
        "Run {Run} waits for an initial model upload: {Why}.")]
    private partial void LogAwaitsSeed(RunId run, string why);
}

/// <summary>The driver of one run.</summary>
internal delegate RunDriver DriverOf(RunId run);
