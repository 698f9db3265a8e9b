using System.Security.Cryptography;
using Grpc.Core;
using Polly;
using Polly.Retry;

namespace Quorate.Shared.Transfer;

/// <summary>
/// How long a client of ours keeps trying. An attempt that moved the transfer forward starts the count anew, so a long
/// transfer over a bad network ends by progress, and one without progress ends after <see cref="Attempts"/>.
/// </summary>
public sealed record RetryRules
{
    /// <summary>
    /// Attempts in a row without progress before giving up: about 20 s with the delays below, ten times a failover.
    /// </summary>
    public int Attempts { get; init; } = 9;

    /// <summary>The first wait; each further one doubles, with jitter, up to <see cref="DelayMax"/>.</summary>
    public TimeSpan Delay { get; init; } = TimeSpan.FromMilliseconds(150);

    public TimeSpan DelayMax { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>
    /// No part moved for this long: the attempt is cut and the next begins. Not a limit on the whole transfer.
    /// </summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long the leader may take for fsync on a majority and the commit, after the last byte: longer than a
    /// failover.
    /// </summary>
    public TimeSpan AnswerTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Uniform in [0, 1). Not seeded by default: clients that start alike must not retry alike.</summary>
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

    /// <summary>Whether trying again, perhaps elsewhere, can help.</summary>
    internal static bool IsPassing(Exception fault) => fault switch
    {
        RpcException { StatusCode: StatusCode.InvalidArgument or StatusCode.PermissionDenied
            or StatusCode.Unauthenticated
            or StatusCode.OutOfRange or StatusCode.Unimplemented } => false,
        RpcException or TimeoutException or InvalidDataException or HttpRequestException => true,
        _ => false,
    };
}
