using System.Globalization;
using System.Text.Json;

namespace Quorate.ChaosTests.Abuse;

/// <summary>One bar and what was measured.</summary>
/// <param name="Name">What must hold.</param>
/// <param name="Rows">The faults of the first build that it is about.</param>
internal sealed record Bar(string Name, string Rows, double Value, string Order, double Limit, string Note)
{
    /// <summary>A second condition.</summary>
    public bool Also { get; init; } = true;

    public bool Met => Also && (Order == "<= " ? Value <= Limit : Value >= Limit);

    public string Sentence => string.Create(CultureInfo.InvariantCulture,
        $"{(Met ? "met   " : "MISSED")} {Name}: {Value:0.##} ({Order}{Limit}; {Note})");

    public string Json => JsonSerializer.Serialize(new
    {
        bar = Name, rows = Rows, value = double.IsFinite(Value) ? Math.Round(Value, 3) : 1e9, limit = Limit,
        met = Met, note = Note,
    });

    /// <summary>The bar that every attack must meet, with the one that came closest to missing it.</summary>
    public static Bar Worst(string name, IReadOnlyList<Effect> effects, Func<Effect, double> of, double limit)
    {
        var worst = effects.MaxBy(of)!;
        return new Bar(name, string.Join(", ", effects.SelectMany(e => e.Rows.Split(", ")).Distinct()), of(worst),
            "<= ", limit, $"worst: {worst.Attack}");
    }
}

/// <summary>A member that joins, attends and never sends an update (row 9).</summary>
internal sealed class IdleMember : IDisposable
{
    private readonly CancellationTokenSource _stop;

    public IdleMember(Target target, CancellationToken token)
    {
        _stop = CancellationTokenSource.CreateLinkedTokenSource(token);
        _ = LiveAsync(target, _stop.Token);
    }

    public void Dispose()
    {
        _stop.Cancel();
        _stop.Dispose();
    }

    private static async Task LiveAsync(Target target, CancellationToken token)
    {
        while (!token.IsCancellationRequested)
        {
            try
            {
                var (leader, status) = await target.LeaderAsync(token);
                var federation = target.Federation(leader);
                using var call = federation.Attend(cancellationToken: token);
                var beat = new Heartbeat
                {
                    Run = status.Run.Run, Trainer = Target.Member, Incarnation = Target.Incarnation,
                };
                await call.RequestStream.WriteAsync(beat, token);
                await federation.JoinAsync(
                    new JoinRequest
                    {
                        Run = status.Run.Run, Trainer = Target.Member, Incarnation = Target.Incarnation,
                        Examples = 1,
                    }, cancellationToken: token);
                while (await call.ResponseStream.MoveNext(token))
                {
                    await Target.Pause(500, token);
                    await call.RequestStream.WriteAsync(beat, token);
                }
            }
            catch (Exception e) when (e is Grpc.Core.RpcException or OperationCanceledException)
            {
                await Target.Pause(100, CancellationToken.None);
            }
        }
    }
}
