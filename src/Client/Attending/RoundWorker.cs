using Quorate.Rounds;
using Quorate.Shared.Cluster;
using Quorate.Shared.Processes;
using Quorate.Shared.Protocol;
using Quorate.Shared.Runs;
using Quorate.Shared.Transfer;

namespace Quorate.Client.Attending;

/// <summary>
/// Does the round's work, one piece at a time, beside the stream: prepare the run's data, download the model, train,
/// upload until the update is settled. A newer round cancels what an older one still had to do.
/// <para>
/// Invariant: a (run, round, model) is trained at most once by this process. The trained update waits on disk until a
/// leader has accepted it, however many leaders that takes.
/// </para>
/// </summary>
public sealed class RoundWorker(
    AttendSettings settings, ClusterConnections cluster, ILearner learner, Presence presence, Terminal terminal,
    TimeProvider time)
    : IAsyncDisposable
{
    private CancellationTokenSource _cancel = new();
    private Task _work = Task.CompletedTask;
    private object? _doing;
    private TrainedUpdate? _trained;
    private RoundWork? _settled;
    private volatile Announcement? _latest;
    private volatile NodeConnection? _leader;
    private volatile CancellationTokenSource _reign = new();

    /// <summary>
    /// The leader this trainer attends; uploads go there. One that hangs would hold an upload for as long as its
    /// patience lasts, so with another leader the attempt under way ends, and the next begins at once.
    /// </summary>
    public NodeConnection? Leader
    {
        get => _leader;
        set
        {
            if (value == _leader) return;
            var ended = _reign;
            // In this order: whoever sees the new reign sees its leader.
            _leader = value;
            _reign = new CancellationTokenSource();
            ended.Cancel();
        }
    }

    /// <summary>The run whose data is loaded.</summary>
    public RunId? Run => learner.Run;

    /// <summary>Examples this trainer has for the run; null while its data is not loaded yet.</summary>
    public long? ExamplesOf(RunId run) => learner.Run == run ? learner.Examples : null;

    /// <summary>
    /// Takes note of an announcement and starts or cancels work accordingly. Called by the stream's reader only.
    /// </summary>
    public void Heed(RunId run, Announcement announcement)
    {
        _latest = announcement;
        if (_work.IsFaulted) _work.GetAwaiter().GetResult(); // What the worker cannot mend ends the trainer.
        if (announcement.Phase >= RunPhase.Finished)
        {
            Start(null, null);
            return;
        }
        if (learner.Run != run)
        {
            Start((object)run, token => PrepareAsync(run, token));
            return;
        }
        if (announcement.Resend && _trained is { } lost
            && (lost.Work.Run, lost.Work.Round) == (run, announcement.Round))
        {
            _settled = null;
            Start(lost.Work, token => DoAsync(lost.Work, token));
            return;
        }
        // Expelled, perhaps while an update was on its way that was refused for it: after joining it is sent again.
        if (!announcement.Member) _settled = null;
        if (announcement.Phase is not RunPhase.Training || !announcement.Member) return;
        var work = new RoundWork(run, announcement.Round, BlobHash.FromBytes(announcement.Model.Span),
            announcement.ModelLength);
        if (announcement.Accepted || work == _settled) return;
        Start(work, token => DoAsync(work, token));
    }

    public async ValueTask DisposeAsync()
    {
        await _cancel.CancelAsync();
        await _work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _cancel.Dispose();
        learner.Dispose();
    }

    /// <summary>Starts <paramref name="step"/> unless it is under way already; cancels whatever else is.</summary>
    private void Start(object? what, Func<CancellationToken, Task>? step)
    {
        if (Equals(what, _doing) && !_work.IsCompleted) return;
        _cancel.Cancel();
        _cancel.Dispose();
        _cancel = new CancellationTokenSource();
        _doing = what;
        if (step is not null) _work = RunAsync(_work, step, _cancel.Token);
    }

    private static async Task RunAsync(Task previous, Func<CancellationToken, Task> step, CancellationToken token)
    {
        await previous.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        try
        {
            // Training computes; the stream's reader must not wait for it.
            await Task.Run(() => step(token), token);
        }
        catch (OperationCanceledException) when (token.IsCancellationRequested)
        {
            // A newer round took its place.
        }
    }

    private async Task DoAsync(RoundWork work, CancellationToken token)
    {
        if (_trained?.Work != work)
        {
            string model = await DownloadAsync(work, token);
            CrashPoint.Pass("model-downloaded");
            _trained = Train(work, model, token);
            CrashPoint.Pass("update-trained");
        }
        await UploadAsync(_trained, token);
        presence.Set(Activity.Idle, work.Round, 0);
    }

    private async Task PrepareAsync(RunId run, CancellationToken token)
    {
        var replies = await cluster.StatusAsync(new StatusRequest { Run = run.ToString(), Trail = 1 }, token);
        string? plan = replies.FirstOrDefault(reply => reply?.Run is not null)?.Run.Plan;
        // Where no node answers for the run just now, the next announcement asks again.
        if (plan is not null) await learner.PrepareAsync(run, RunFile.Parse(plan), token);
    }

    private TrainedUpdate Train(RoundWork work, string model, CancellationToken token)
    {
        string folder = Path.Combine(settings.WorkDirectory, "updates"), draft = Path.Combine(folder, "draft");
        string path = Path.Combine(folder, $"round-{work.Round}.pt");
        Directory.CreateDirectory(folder);
        // The update before is not sent any more: this one takes its place on the disk.
        foreach (string old in Directory.GetFiles(folder)) File.Move(old, draft, overwrite: true);
        long started = time.GetTimestamp();
        using var file = HashedFileStream.Over(draft);
        var learned = learner.Train(
            work, model, file, progress => presence.Set(Activity.Training, work.Round, progress), token);
        file.Complete();
        File.Move(draft, path);
        terminal.Say(
            $"trained round {work.Round}: {learned.Examples} examples, loss {learned.Loss:F4}, "
            + $"{time.GetElapsedTime(started).TotalSeconds:F1} s");
        return new TrainedUpdate(work, path, file.Hash, file.Length, learned.Examples, learned.Loss);
    }

    private async Task<string> DownloadAsync(RoundWork work, CancellationToken token)
    {
        string folder = Path.Combine(settings.WorkDirectory, "models"), path = Path.Combine(folder, $"{work.Model}.pt");
        if (IsHere(path, work.Model)) return path;
        Directory.CreateDirectory(folder);
        // The model before is not trained from any more: this one takes its place on the disk.
        foreach (string old in Directory.GetFiles(folder))
            if (!Path.GetFileName(old).StartsWith($"{work.Model}", StringComparison.Ordinal))
                File.Move(old, path + ".over", overwrite: true);
        await PersistAsync(
            async () =>
            {
                presence.Set(Activity.Downloading, work.Round, 0);
                var download = new BlobDownload(Replicas(), settings.Retry, time);
                await download.FetchAsync(
                    work.Model, work.ModelLength, path,
                    have => presence.Set(Activity.Downloading, work.Round, (double)have / work.ModelLength), token);
                return true;
            },
            token);
        return path;
    }

    /// <summary>From an earlier start perhaps, and never flushed: a power loss may have left its name alone.</summary>
    private static bool IsHere(string path, BlobHash model)
    {
        if (!File.Exists(path)) return false;
        using var file = File.OpenHandle(path);
        return FileHash.Of(file) == model;
    }

    private async Task UploadAsync(TrainedUpdate update, CancellationToken token)
    {
        var header = new UploadHeader
        {
            Blob = Google.Protobuf.ByteString.CopyFrom(update.Blob.ToArray()), Length = update.Length,
            Update = new UpdateFacts
            {
                Run = update.Work.Run.ToString(), Round = update.Work.Round, Trainer = settings.Trainer.ToString(),
                Incarnation = presence.Incarnation, Examples = update.Examples,
                Metrics = { [Metrics.Loss] = double.IsFinite(update.Loss) ? update.Loss : double.NaN },
            },
        };
        var upload = new BlobUpload((_, _) => new(Leader!.Transfer), settings.Retry, time);
        await PersistAsync(
            async () =>
            {
                presence.Set(Activity.Uploading, update.Work.Round, 0);
                while (true)
                {
                    using var reign = CancellationTokenSource.CreateLinkedTokenSource(token, _reign.Token);
                    try
                    {
                        var reply = await upload.SendAsync(header, update.Path, Sent, reign.Token);
                        CrashPoint.Pass("upload-answered");
                        return Settles(reply, update.Work);
                    }
                    catch (OperationCanceledException) when (
                        reign.IsCancellationRequested && !token.IsCancellationRequested)
                    {
                        // Another leader is attended now: it is sent there what it lacks.
                    }
                }
            },
            token);

        void Sent(long bytes) =>
            presence.Set(Activity.Uploading, update.Work.Round, (double)bytes / update.Length);
    }

    /// <summary>
    /// All coordinators, each trainer starting at another one, so that reads spread over the replicas.
    /// </summary>
    private IReadOnlyList<TransferClient> Replicas()
    {
        int first = settings.Trainer.ToString().Sum(c => c) % cluster.Nodes.Count;
        return [.. cluster.Nodes.Skip(first).Concat(cluster.Nodes.Take(first)).Select(node => node.Transfer)];
    }

    /// <summary>
    /// Tries a transfer until it is done. It ends at the latest when the round moves on without this trainer: that
    /// cancels <paramref name="token"/>. A cluster that is down for an hour finds the update still waiting.
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
                terminal.Say($"{e.Message} Trying again.");
            }
            await Task.Delay(settings.RetryAfterMax, time, token);
        }
    }

    private bool Settles(VerdictReply reply, RoundWork work)
    {
        // Refused for want of membership: the stream joins again, and the same update is sent again.
        bool again = reply.Verdict == VerdictCode.Incomplete
            || (reply.Verdict == VerdictCode.Rejected && _latest is { Member: false });
        if (again) return false;
        _settled = work;
        terminal.Say(reply.Verdict is VerdictCode.Accepted
            ? $"update of round {work.Round} accepted"
            : $"update of round {work.Round} {reply.Verdict.ToString().ToLowerInvariant()}: {reply.Reason}");
        return true;
    }
}
