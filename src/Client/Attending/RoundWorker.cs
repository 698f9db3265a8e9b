using Quorate.Rounds;
using Quorate.Shared.Cluster;
using Quorate.Shared.Processes;
using Quorate.Shared.Protocol;
using Quorate.Shared.Runs;
using Quorate.Shared.Text;
using Quorate.Shared.Transfer;

namespace Quorate.Client.Attending;

/// <summary>
/// Takes the steps that <see cref="TrainerStep"/> decides on, beside the stream: at most one piece of work at a time.
/// Another piece of work cancels the one under way. It decides nothing itself, and remembers what its steps led to.
/// </summary>
public sealed class RoundWorker : IAsyncDisposable
{
    private readonly AttendSettings _settings;
    private readonly ClusterConnections _cluster;
    private readonly ILearner _learner;
    private readonly Presence _presence;
    private readonly Terminal _terminal;
    private readonly TimeProvider _time;
    private readonly WorkFolder _folder;
    private readonly OwnFaults _faults;
    private readonly AttendedLeader _leader = new();

    private readonly Lock _gate = new();
    private TrainerMemory _memory;
    private volatile IReadOnlyList<AnnouncedRun> _announced = [];

    /// <summary>Invariant: <see cref="_work"/> executes it, and <see cref="_cancel"/> stops that.</summary>
    private TrainerStep _underWay = new TrainerStep.Wait();
    private Task _work = Task.CompletedTask;
    private CancellationTokenSource _cancel = new();

    public RoundWorker(
        AttendSettings settings, ClusterConnections cluster, ILearner learner, Presence presence, Terminal terminal,
        TimeProvider time)
    {
        (_settings, _cluster, _learner) = (settings, cluster, learner);
        (_presence, _terminal, _time) = (presence, terminal, time);
        _folder = new WorkFolder(settings.WorkDirectory);
        _faults = new OwnFaults(settings, presence, terminal, time);
        _memory = new TrainerMemory { Once = settings.Once };
    }

    /// <summary>The leader attended now, or last; null before the first.</summary>
    public NodeConnection? Leader => _leader.Current?.Node;

    /// <summary>The run whose data is loaded.</summary>
    public RunId? Run => _learner.Run;

    /// <summary>Examples this trainer has for <see cref="Run"/>.</summary>
    public long Examples => _learner.Examples;

    /// <summary>Uploads go to this leader from now on.</summary>
    public void Attend(NodeConnection leader) => _leader.Attend(leader);

    /// <summary>
    /// Decides on the next step, and takes it where it is work. Called by the stream's reader only, which takes the
    /// other steps.
    /// </summary>
    public TrainerStep OnAnnouncement(IReadOnlyList<AnnouncedRun> runs)
    {
        // A fault of the program ends the trainer. Wrapped, so that it is never taken for a fault of the connection.
        if (_work.IsFaulted)
            throw new InvalidOperationException("The trainer's work failed.", _work.Exception.GetBaseException());
        _announced = runs;
        while (true)
        {
            var busy = _work.IsCompleted ? null : _underWay.Subject;
            var step = TrainerStep.Of(_memory with { Busy = busy }, runs);
            if (step is TrainerStep.Prepare or TrainerStep.Initialise or TrainerStep.Train or TrainerStep.Upload)
                Start(step);
            if (step is not TrainerStep.Abandon) return step;
            Start(new TrainerStep.Wait());
        }
    }

    /// <summary>The run answered a request to join.</summary>
    public void OnJoinAnswered(RunId run, bool joined) => Remember(memory => memory with
    {
        TurnedAway = joined ? null : run,
        // An update that was refused while this trainer was not a member is sent again.
        Settled = joined ? memory.Settled.Remove(run) : memory.Settled,
    });

    public async ValueTask DisposeAsync()
    {
        await _cancel.CancelAsync();
        await _work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _cancel.Dispose();
        _leader.Dispose();
        _learner.Dispose();
    }

    /// <summary>Starts <paramref name="step"/> unless it is under way already; cancels any other work.</summary>
    private void Start(TrainerStep step)
    {
        if (!_work.IsCompleted && step.IsPartOf(_underWay)) return;
        _cancel.Cancel();
        _cancel.Dispose();
        _cancel = new CancellationTokenSource();
        _underWay = step;
        if (step is not TrainerStep.Wait) _work = RunAsync(_work, step, _cancel.Token);
    }

    private async Task RunAsync(Task previous, TrainerStep step, CancellationToken token)
    {
        await previous.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        try
        {
            // Training computes; the stream's reader must not wait for it.
            await Task.Run(() => TakeAsync(step, token), token);
            _faults.End();
        }
        catch (OperationCanceledException) when (token.IsCancellationRequested)
        {
            // Another piece of work took its place.
        }
        catch (LearnerException e) when (step is TrainerStep.Initialise && !e.IsTemporary)
        {
            // It can still train, once another trainer or a person has uploaded the model.
            _faults.Report(step.Subject!.Value, e.Message, "Waiting for one that is made elsewhere.");
            Remember(memory => memory with { Initialised = step.Subject });
        }
        catch (Exception e) when (e is RunFileException or LearnerException { IsTemporary: false })
        {
            _faults.Report(step.Subject!.Value, e.Message, "Waiting for another run.");
            Remember(memory => memory with { Refused = memory.Refused.Add(step.Subject!.Value) });
        }
        catch (LearnerException e)
        {
            await _faults.WaitForCureAsync(step.Subject!.Value, e.Message, token);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Transfers report a broken connection otherwise, so this is the disk.
            await _faults.WaitForCureAsync(
                step.Subject!.Value, $"The work folder {_folder.Root} cannot be used: {e.Message}", token);
        }
    }

    private Task TakeAsync(TrainerStep step, CancellationToken token) => step switch
    {
        TrainerStep.Prepare prepare => PrepareAsync(prepare.Run, token),
        TrainerStep.Initialise initialise => InitialiseAsync(initialise.Run, token),
        TrainerStep.Train train => TrainAsync(train.Work, token),
        TrainerStep.Upload => UploadAsync(_memory.Trained!, token),
        _ => throw new System.Diagnostics.UnreachableException($"{step} is not work."),
    };

    private async Task PrepareAsync(RunId run, CancellationToken token)
    {
        var replies = await _cluster.StatusAsync(new StatusRequest { Run = run.ToString(), Trail = 1 }, token);
        // Where no node answers for the run just now, the next announcement leads here again.
        if (replies.FirstOrDefault(reply => reply?.Run is not null)?.Run.Plan is not { } plan) return;
        await _learner.PrepareAsync(run, RunFile.Parse(plan, $"The plan of run {run}"), token);
        Remember(memory => memory with { Prepared = run });
    }

    private async Task InitialiseAsync(RunId run, CancellationToken token)
    {
        var (path, blob, length) = _folder.WriteInitial(file => _learner.MakeInitialModel(file, token));
        var header = new UploadHeader
        {
            Blob = Google.Protobuf.ByteString.CopyFrom(blob.ToArray()), Length = length,
            Seed = new SeedFacts
            {
                Run = run.ToString(), Trainer = _settings.Trainer.ToString(), Incarnation = _presence.Incarnation,
            },
        };
        await SendAsync(header, path, round: 0, Settles, token);

        bool Settles(VerdictReply reply)
        {
            if (reply.Verdict == VerdictCode.Incomplete) return false;
            Remember(memory => memory with { Initialised = run });
            _terminal.Say($"initial model of run {run} {reply.Verdict.ToString().ToLowerInvariant()}"
                + (reply.Verdict == VerdictCode.Accepted ? "" : $": {reply.Reason}"));
            return true;
        }
    }

    private async Task TrainAsync(RoundWork work, CancellationToken token)
    {
        string model = await DownloadAsync(work, token);
        CrashPoint.Pass("model-downloaded");
        long started = _time.GetTimestamp();
        var update = _folder.Write(work, file => _learner.Train(
            work, model, file, progress => _presence.Set(Activity.Training, work.Round, progress), token));
        _terminal.Say(
            $"trained round {work.Round}: {PlainText.Count(update.Learned.Examples, "example")}, "
            + $"loss {update.Learned.Metrics[Metrics.Loss]:F4}, "
            + $"{_time.GetElapsedTime(started).TotalSeconds:F1} s");
        Remember(memory => memory with { Trained = update });
        _faults.End();
        CrashPoint.Pass("update-trained");
        await UploadAsync(update, token);
    }

    private async Task<string> DownloadAsync(RoundWork work, CancellationToken token)
    {
        string path = _folder.ModelPath(work.Model);
        if (_folder.HasModel(work.Model)) return path;
        _folder.MakeRoomFor(work.Model);
        await PersistAsync(
            async () =>
            {
                _presence.Set(Activity.Downloading, work.Round, 0);
                var download = new BlobDownload(Replicas(), _settings.Retry, _time);
                await download.FetchAsync(
                    work.Model, work.ModelLength, path,
                    have => _presence.Set(Activity.Downloading, work.Round, (double)have / work.ModelLength), token);
                return true;
            },
            token);
        return path;
    }

    private Task UploadAsync(TrainedUpdate update, CancellationToken token)
    {
        var header = new UploadHeader
        {
            Blob = Google.Protobuf.ByteString.CopyFrom(update.Blob.ToArray()), Length = update.Length,
            Update = new UpdateFacts
            {
                Run = update.Work.Run.ToString(), Round = update.Work.Round, Trainer = _settings.Trainer.ToString(),
                Incarnation = _presence.Incarnation, Examples = update.Learned.Examples,
                Metrics = { update.Learned.Metrics.ToDictionary() },
            },
        };
        return SendAsync(header, update.Path, update.Work.Round, reply => Settles(reply, update.Work), token);
    }

    /// <summary>Sends the file until <paramref name="settles"/> says that it was answered for good.</summary>
    private async Task SendAsync(
        UploadHeader header, string path, int round, Func<VerdictReply, bool> settles, CancellationToken token)
    {
        var upload = new BlobUpload((_, _) => new(Leader!.Transfer), _settings.Retry, _time);
        await PersistAsync(
            async () =>
            {
                _presence.Set(Activity.Uploading, round, 0);
                while (true)
                {
                    using var reign = CancellationTokenSource.CreateLinkedTokenSource(
                        token, _leader.Current!.Ended.Token);
                    try
                    {
                        var reply = await upload.SendAsync(header, path, Sent, reign.Token);
                        CrashPoint.Pass("upload-answered");
                        if (reply.Verdict == VerdictCode.Rejected) RequireKept(path, header);
                        return settles(reply);
                    }
                    catch (Exception e) when (e is TransferException or IOException)
                    {
                        RequireKept(path, header);
                        throw;
                    }
                    catch (OperationCanceledException) when (
                        reign.IsCancellationRequested && !token.IsCancellationRequested)
                    {
                        // Another leader is attended now: the upload continues there.
                    }
                }
            },
            token);
        _presence.Set(Activity.Idle, round, 0);

        void Sent(long bytes) => _presence.Set(Activity.Uploading, round, (double)bytes / header.Length);
    }

    /// <summary>A file that is gone or was changed can never be sent: it is made again.</summary>
    private void RequireKept(string path, UploadHeader header)
    {
        if (WorkFolder.HasFile(path, BlobHash.FromBytes(header.Blob.Span))) return;
        Remember(memory => memory.Trained?.Path == path ? memory with { Trained = null } : memory);
        throw new LearnerException($"{path} is gone or was changed before it was sent.", isTemporary: true);
    }

    /// <summary>
    /// All coordinators, each trainer starting at another one, so that reads spread over the replicas.
    /// </summary>
    private IReadOnlyList<TransferClient> Replicas()
    {
        int first = _settings.Trainer.ToString().Sum(c => c) % _cluster.Nodes.Count;
        return [.. _cluster.Nodes.Skip(first).Concat(_cluster.Nodes.Take(first)).Select(node => node.Transfer)];
    }

    /// <summary>
    /// Tries a transfer until it is done. It ends at the latest when the round moves on without this trainer: that
    /// cancels <paramref name="token"/>. An update waits here even for a cluster that is down for an hour.
    /// </summary>
    private async Task PersistAsync(Func<Task<bool>> transfer, CancellationToken token)
    {
        while (true)
        {
            try
            {
                if (await transfer()) return;
            }
            catch (TransferException e)
            {
                _terminal.Say($"{e.Message} Trying again.");
            }
            await Task.Delay(_settings.RetryAfterMax, _time, token);
        }
    }

    /// <summary>Whether the answer is the last one that this update needs.</summary>
    private bool Settles(VerdictReply reply, RoundWork work)
    {
        if (reply.Verdict == VerdictCode.Incomplete) return false;
        if (reply.Verdict == VerdictCode.Rejected && _announced.Any(run => run.Run == work.Run && !run.Member))
        {
            _terminal.Say($"was away too long; joining run {work.Run} again, the update of round {work.Round} is kept");
            return false;
        }
        var announced = _announced.Select(run => run.Run).ToHashSet();
        Remember(memory => memory with
        {
            Settled = memory.Settled.RemoveRange(memory.Settled.Keys.Where(run => !announced.Contains(run)))
                .SetItem(work.Run, work),
        });
        _terminal.Say(reply.Verdict is VerdictCode.Accepted
            ? $"update of round {work.Round} accepted"
            : $"update of round {work.Round} {reply.Verdict.ToString().ToLowerInvariant()}: {reply.Reason}");
        return true;
    }

    private void Remember(Func<TrainerMemory, TrainerMemory> change)
    {
        lock (_gate) _memory = change(_memory);
    }
}
