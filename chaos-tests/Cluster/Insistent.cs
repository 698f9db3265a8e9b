using System.Collections.Concurrent;
using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Core;
using Quorate.Shared.Transfer;

namespace Quorate.ChaosTests.Cluster;

/// <summary>
/// A misbehaving trainer: several clients at once, all with its id, keep offering different updates for the open round
/// to randomly drawn coordinators, and give up easily. All answers are recorded with their times, and so is what
/// concurrent looks at the leader see.
/// </summary>
internal sealed class Insistent(ChaosCluster cluster, string trainer, ulong seed) : IAsyncDisposable
{
    private const ulong Incarnation = 77;

    /// <summary>A call that takes longer is cancelled; its outcome is unknown.</summary>
    private static readonly TimeSpan _callMax = TimeSpan.FromSeconds(2);

    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _clients = [];

    public ConcurrentQueue<Operation> History { get; } = new();

    public void Start(int clients)
    {
        for (int i = 0; i < clients; i++)
        {
            string client = $"{trainer}-{i}";
            var draws = new Draws(Draws.Mix(seed, (ulong)i, (ulong)trainer.Sum(c => c)));
            _clients.Add(Task.Run(() => OfferAsync(client, draws)));
        }
        _clients.Add(Task.Run(() => LookAsync($"{trainer}-eye")));
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_clients);
        _stop.Dispose();
    }

    private async Task OfferAsync(string client, Draws draws)
    {
        while (!_stop.IsCancellationRequested)
        {
            var replies = await cluster.Connections.StatusAsync(new StatusRequest { Trail = 1 }, default);
            var status = replies.FirstOrDefault(
                reply => reply is { Leader: true, Run.Phase: RunPhase.Training });
            if (status is null)
            {
                await ChaosCluster.PauseAsync(TimeSpan.FromMilliseconds(20));
                continue;
            }
            var me = status.Run.Trainers.FirstOrDefault(t => t.Trainer == trainer);
            if (me is not { Present: true }) await JoinAsync(status.Node);
            string model = Convert.ToHexStringLower(status.Run.Trail[^1].Blob.Span);
            string path = Path.Combine(cluster.Root, $"{client}.pt");
            if (!TryWrite(cluster.BlobOf(status.Node, model), status.Run.Round, draws.Below(3), path)) continue;
            // Sometimes an update for the previous round, which is closed.
            int round = status.Run.Round - (draws.Below(6) == 0 && status.Run.Round > 1 ? 1 : 0);
            // Usually the leader; a follower must refuse and do nothing.
            int node = draws.Below(5) == 0 ? draws.Below(ChaosCluster.Nodes) : status.Node;
            await OfferAsync(client, node, round, path);
        }
    }

    private bool TryWrite(string model, int round, int variant, string path)
    {
        try
        {
            cluster.Run.WriteUpdate(model, round, $"{trainer}-{variant}", path, CancellationToken.None);
            return true;
        }
        catch (IOException)
        {
            return false; // That leader is still pulling the model.
        }
    }

    private async Task OfferAsync(string client, int node, int round, string path)
    {
        byte[] bytes = await File.ReadAllBytesAsync(path);
        byte[] hash = SHA256.HashData(bytes);
        var header = new UploadHeader
        {
            Blob = ByteString.CopyFrom(hash), Length = bytes.Length, Update = new UpdateFacts
            {
                Run = cluster.Run.Name, Round = round, Trainer = trainer, Incarnation = Incarnation, Examples = 100,
                Metrics = { ["loss"] = 1 },
            },
        };
        var answer = Answer.Unknown;
        long call = TimeProvider.System.GetTimestamp();
        using var bound = new CancellationTokenSource(_callMax);
        using var guard = new StallGuard(_callMax, TimeProvider.System, bound.Token);
        try
        {
            using var source = BlobSource.Complete(Rounds.BlobHash.FromBytes(hash), File.OpenHandle(path));
            using var upload = cluster.Connections.Nodes[node].Transfer.Upload(guard.Token);
            var reply = await PartSending.SendAsync(upload, header, source, 0, guard, _callMax);
            answer = reply.Verdict switch
            {
                VerdictCode.Accepted => Answer.Accepted,
                VerdictCode.Duplicate => Answer.Duplicate,
                VerdictCode.Stale => Answer.Stale,
                VerdictCode.Rejected => Answer.Rejected,
                _ => answer,
            };
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.FailedPrecondition)
        {
            return; // Not the leader: nothing was proposed.
        }
        catch (Exception e) when (e is RpcException or IOException or TimeoutException or OperationCanceledException)
        {
            // The connection broke, or the call took too long.
        }
        History.Enqueue(new Operation(Key(round), client, call, TimeProvider.System.GetTimestamp(),
            OperationKind.Offer, Convert.ToHexStringLower(hash), answer));
    }

    private async Task LookAsync(string client)
    {
        while (!_stop.IsCancellationRequested)
        {
            foreach (var node in cluster.Connections.Nodes)
            {
                long call = TimeProvider.System.GetTimestamp();
                try
                {
                    var status = await node.Federation.StatusAsync(
                        new StatusRequest { Trail = 2, Linearizable = true },
                        deadline: TimeProvider.System.GetUtcNow().UtcDateTime + _callMax);
                    if (status.Run is { } run) See(client, run, call);
                }
                catch (Exception e) when (e is RpcException or OperationCanceledException)
                {
                    // No leader answered: nothing was seen.
                }
            }
            await ChaosCluster.PauseAsync(TimeSpan.FromMilliseconds(5));
        }
    }

    private void See(string client, RunStatus run, long call)
    {
        long now = TimeProvider.System.GetTimestamp();
        if (run.Phase is RunPhase.Training or RunPhase.Aggregating) Seen(run.Round, run.Updates);
        foreach (var model in run.Trail.Where(m => m.Round > 0)) Seen(model.Round, model.Updates);

        void Seen(int round, IEnumerable<UpdateStatus> updates)
        {
            var mine = updates.FirstOrDefault(update => update.Trainer == trainer);
            History.Enqueue(new Operation(Key(round), client, call, now, OperationKind.Look,
                mine is null ? null : Convert.ToHexStringLower(mine.Blob.Span), Answer.Seen));
        }
    }

    private async Task JoinAsync(int node)
    {
        try
        {
            await cluster.Connections.Nodes[node].Federation.JoinAsync(
                new JoinRequest
                {
                    Run = cluster.Run.Name, Trainer = trainer, Incarnation = Incarnation, Examples = 100,
                },
                deadline: TimeProvider.System.GetUtcNow().UtcDateTime + _callMax);
        }
        catch (Exception e) when (e is RpcException or OperationCanceledException)
        {
            // The next offer joins again.
        }
    }

    private string Key(int round) => $"{cluster.Run.Name}/{round:D3}/{trainer}";
}
