using System.Security.Cryptography;
using Grpc.Core;
using Polly;
using Polly.Retry;

namespace Quorate.Shared.Transfer;

/// <summary>
/// How long our clients keep trying. An attempt with progress restarts the count, so a long transfer over a bad network
/// completes, and one without progress ends after <see cref="Attempts"/>.
/// </summary>
public sealed record RetryRules
{
    /// <summary>
    /// Attempts in a row without progress before giving up: about 20 s with the delays below, ten times a failover.
    /// </summary>
    public int Attempts { get; init; } = 9;

    /// <summary>The first wait. Each further one is twice as long, with jitter, up to <see cref="DelayMax"/>.</summary>
    public TimeSpan Delay { get; init; } = TimeSpan.FromMilliseconds(150);

    public TimeSpan DelayMax { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>
    /// If no part moves for this long, the attempt is cut and the next one begins. Not a limit on the whole transfer.
    /// </summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long the leader may take after the last byte, to flush on a majority and to commit. Longer than a
    /// failover.
    /// </summary>
    public TimeSpan AnswerTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Uniform in [0, 1). Not seeded: clients that start together must not retry together.</summary>
    public Func<double> Jitter { get; init; } = static () =>
        RandomNumberGenerator.GetInt32(1 << 30) / (double)(1 << 30);

    internal ResiliencePipeline Pipeline(TimeProvider time) => new ResiliencePipelineBuilder { TimeProvider = time }
        .AddRetry(new RetryStrategyOptions
        {
            MaxRetryAttempts = Math.Max(1, Attempts - 1),
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = Delay,
            MaxDelay = DelayMax,
            Randomizer = Jitter,
            ShouldHandle = new PredicateBuilder().Handle<Exception>(IsPassing),
        })
        .Build();

    /// <summary>Whether a retry can help, perhaps at another node.</summary>
    internal static bool IsPassing(Exception fault) => fault switch
    {
        RpcException { StatusCode: StatusCode.InvalidArgument or StatusCode.PermissionDenied
            or StatusCode.Unauthenticated
            or StatusCode.OutOfRange or StatusCode.Unimplemented } => false,
        RpcException or TimeoutException or InvalidDataException or HttpRequestException => true,
        _ => false,
    };
}

/// <summary>
/// A transfer was given up. The message names the blob, says what failed last, and what the next attempt can build on.
/// </summary>
public sealed class TransferException(string message, Exception? inner = null) : Exception(message, inner);
