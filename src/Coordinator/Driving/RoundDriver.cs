using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Evaluation;
using Quorate.Coordinator.Settings;
using Quorate.Coordinator.Telemetry;
using Quorate.Pt;
using Quorate.Rounds;
using Quorate.Shared.Processes;

namespace Quorate.Coordinator.Driving;

/// <summary>
/// The leader's loop: look at the state, do the next step, look again. There is no recovery code: every step is
/// idempotent, everything a leader knows is in the state, and a new leader runs this same loop from there.
/// <para>
/// A step that fails (no reachable node has a blob, the disk is full, the quorum is lost) is logged and retried after a
/// pause that doubles up to <see cref="_pauseMax"/>; the state does not change. Every wait takes the leadership token,
/// so a deposed leader stops at its next await.
/// </para>
/// </summary>
internal sealed partial class RoundDriver(
    IReplicatedLog log, BlobStore blobs, Replication replication, TrainerProgram trainer, OperatorNotices notices,
    CoordinatorOptions options, EmergencyStop emergency, DrawClusterId draw, TimeProvider time,
    ILogger<RoundDriver> logger)
    : BackgroundService
{
    private static readonly TimeSpan _pauseMin = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan _pauseMax = TimeSpan.FromSeconds(5);

    private readonly RoundClock _clock = new(time);

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        LeaderLoop.RunAsync(log, LeadAsync, stoppingToken);

    private async Task LeadAsync(CancellationToken token)
    {
        _clock.Reset();
        for (var pause = _pauseMin; ;)
        {
            try
            {
                await StepAsync(log.State, token);
                pause = _pauseMin;
                continue;
            }
            catch (Exception e) when (IsTransient(e))
            {
                LogStepFailed(e.Message, pause.TotalSeconds);
            }
            await Task.Delay(pause, time, token);
            pause = pause * 2 < _pauseMax ? pause * 2 : _pauseMax;
        }
    }

    private async Task StepAsync(ClusterState state, CancellationToken token)
    {
        if (!state.Id.IsSet)
        {
            await ProposeAsync(new Command.NameCluster(draw(), Now), token);
            return;
        }
        if (state.Active is not { } run)
        {
            if (options.Run is { } file && IsNew(file.Name, state))
                await ProposeAsync(file.ToCommand(time), token);
            else await log.ChangedAsync(state.Index, token);
            return;
        }
        if (run.Model is not null) notices.Withdraw("init");
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
                await ProposeAsync(new Command.CloseRound(run.Id, close.Round, Now), token);
                CrashPoint.Pass("round-closed");
                break;
            case NextStep.Wait wait:
                await WaitAsync(state, wait.Within, token);
                break;
        }
    }

    /// <summary>
    /// Whether the cluster has never seen a run. Once the state holds its maximum of runs, older ones may have been
    /// forgotten, this one among them; then only `quorate run start` opens it again.
    /// </summary>
    internal static bool IsNew(RunId name, ClusterState state) =>
        state.Find(name) is null && state.Runs.Count < Limits.Runs;

    private async Task MakeInitialModelAsync(ClusterState state, Run run, CancellationToken token)
    {
        if (!trainer.Exists || PlanOf(run).Training is null)
        {
            string why = trainer.Exists ? "the run names no model" : "there is no trainer program here";
            if (notices.Post("init", $"Waiting for an initial model upload: {why}.")) LogAwaitsSeed(why);
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
            await ProposeAsync(new Command.EndRun(run.Id, Failed: true, reason, Now), token);
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
        using var built = await ModelBuilder.BuildAsync(
            blobs, replication, run.ReadAggregation(), run.Model!, [.. run.Updates.Values], token);
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
        var publish = new Command.PublishModel(run.Id, round, new BlobRef(hash, model.Length), Now)
        {
            Unscored = round > 0 && PlanOf(run).Scoring is null ? PublishedModel.NoScoresAsked : "",
            Memory = memory is null ? null : new BlobRef(memory.Hash, memory.Length),
            Contributors = contributors,
        };
        var outcome = await log.ProposeAsync(publish, token);
        CrashPoint.Pass("model-published");
        if (outcome.Verdict == Verdict.Accepted) LogPublished(round, hash.Short, run.Updates.Count);
        if (outcome.Holds) return;
        // Averaging a round twice must give the same bytes; another hash means that a node computes wrongly. Only an
        // initial model may differ, because one may have been uploaded in the meantime.
        if (round > 0 && log.State.Find(run.Id) is { } now && now.Trail.Count > round)
            emergency.Diverged(
                $"Round {round} of run {run.Id} gave {hash.Short}… here and {now.Trail[round].Blob.Short}… before.");
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

    /// <exception cref="StepRefusedException">The state machine refused it; the loop looks again.</exception>
    private async Task ProposeAsync(Command command, CancellationToken token)
    {
        var outcome = await log.ProposeAsync(command, token);
        if (!outcome.Holds) throw new StepRefusedException(outcome.Reason);
    }

    private static Shared.Runs.RunFile PlanOf(Run run) => Shared.Runs.RunFile.Parse(run.Plan);

    private long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    private static bool IsTransient(Exception e) =>
        e is IOException or NotLeaderException or OutcomeUnknownException or BlobUnavailableException
            or PtFormatException or TrainerProgramException or StepRefusedException;

    [LoggerMessage(EventIds.ModelPublished, LogLevel.Information,
        "Published round {Round}: model sha256:{Model}, updates {Updates}.")]
    private partial void LogPublished(int round, string model, int updates);

    [LoggerMessage(EventIds.StepFailed, LogLevel.Warning,
        "Step failed; retrying in {Seconds:F2} s: {Reason}")]
    private partial void LogStepFailed(string reason, double seconds);

    [LoggerMessage(EventIds.AwaitingInitialModel, LogLevel.Warning, "Waiting for an initial model upload: {Why}.")]
    private partial void LogAwaitsSeed(string why);
}

/// <summary>Draws a random id for a new cluster.</summary>
internal delegate ClusterId DrawClusterId();

/// <summary>The state machine refused a step's fact. Nothing changed; the next look shows why.</summary>
internal sealed class StepRefusedException(string reason) : Exception(reason);
