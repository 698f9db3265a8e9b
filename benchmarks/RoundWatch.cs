using System.Security.Cryptography;
using Grpc.Core;
using Quorate.Shared.Cluster;
using Quorate.Shared.Protocol;

namespace Quorate.Benchmarks;

/// <summary>
/// Attends the leader without joining and records when each round is announced, by the machine's monotonic clock: the
/// coordinators' own times have only a resolution of milliseconds.
/// </summary>
internal sealed class RoundWatch(ClusterConnections cluster, TimeProvider time)
{
    private static readonly TimeSpan _beatEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _retryAfter = TimeSpan.FromMilliseconds(20);

    /// <summary>The announcement time of each round.</summary>
    public SortedDictionary<int, long> Opened { get; } = [];

    /// <summary>How often the connection to the leader was lost: the machine was too busy for its heartbeats.</summary>
    public int LeadersLost { get; private set; }

    /// <summary>Returns when the run has ended. Calls <paramref name="announced"/> for each new round.</summary>
    /// <exception cref="InvalidOperationException">The run failed.</exception>
    public async Task FollowAsync(int rounds, Action<int> announced, CancellationToken token)
    {
        while (!Opened.ContainsKey(rounds + 1))
        {
            try
            {
                if (await cluster.FindLeaderAsync(token) is { } leader)
                    await FollowAsync(leader, rounds, announced, token);
            }
            catch (Exception e) when (
                e is RpcException or IOException || (e is OperationCanceledException && !token.IsCancellationRequested))
            {
                LeadersLost++;
            }
            await Task.Delay(_retryAfter, time, token);
        }
    }

    private async Task FollowAsync(NodeConnection leader, int rounds, Action<int> announced, CancellationToken token)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(token);
        using var call = leader.Federation.Attend(cancellationToken: ends.Token);
        var beats = BeatAsync(call.RequestStream, ends.Token);
        try
        {
            while (await call.ResponseStream.MoveNext(token))
            {
                long now = time.GetTimestamp();
                if (call.ResponseStream.Current.Runs is not [var news, ..]) continue;
                if (news.Phase is RunPhase.Failed or RunPhase.Stopped)
                    throw new InvalidOperationException($"The run ended: {news.Phase}.");
                // No round is announced after the last one; its end is the end of the measurement.
                int round = news.Phase is RunPhase.Scoring or RunPhase.Finished ? rounds + 1 : news.Round;
                if (news.Phase is RunPhase.Preparing or RunPhase.Waiting || !Opened.TryAdd(round, now)) continue;
                announced(round);
                if (round == rounds + 1) return;
            }
        }
        finally
        {
            await ends.CancelAsync();
            await beats;
        }
    }

    private async Task BeatAsync(IClientStreamWriter<Heartbeat> stream, CancellationToken token)
    {
        var beat = new Heartbeat
        {
            Trainer = "watch", Incarnation = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))) | 1,
        };
        try
        {
            while (true)
            {
                await stream.WriteAsync(beat, token);
                await Task.Delay(_beatEvery, time, token);
            }
        }
        catch (Exception e) when (e is RpcException or OperationCanceledException or InvalidOperationException)
        {
            // The stream has ended; its reader reports why.
        }
    }
}
