using Grpc.Core;

namespace Quorate.Coordinator.Intake;

/// <summary>
/// A number of places that requests take while they are served. Who finds none is refused at once, with
/// RESOURCE_EXHAUSTED and a sentence, and comes again later: a queue would only make everybody late, and hold memory.
/// </summary>
/// <param name="max">Places, at least 1.</param>
/// <param name="what">What takes them, in the plural, for the sentence.</param>
public sealed class Places(int max, string what)
{
    /// <summary>
    /// Uploads that one coordinator receives at a time. An upload holds some hundred kB of buffers here and is relayed
    /// to a peer at the same time: 96 stay below 300 MB in all, and twice fifty trainers that send at once need not
    /// wait for each other.
    /// </summary>
    public const int UploadsMax = 96;

    /// <summary>
    /// Requests that may wait for the log at a time. It commits a few thousand entries a second, so the last of them
    /// waits for less than a second, well within the five that a proposal has. The driver's own are not counted.
    /// </summary>
    public const int RequestsMax = 1024;

    private int _taken;

    /// <summary>Takes a place until it is disposed.</summary>
    /// <exception cref="RpcException">RESOURCE_EXHAUSTED: all are taken.</exception>
    public Place Take()
    {
        if (Interlocked.Increment(ref _taken) <= max) return new Place(this);
        Interlocked.Decrement(ref _taken);
        throw new RpcException(new Status(StatusCode.ResourceExhausted,
            $"This coordinator serves {max} {what} already, which is all it takes on: try again in a moment."));
    }

    /// <summary>One place, given back once.</summary>
    public sealed class Place(Places owner) : IDisposable
    {
        private int _given;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _given, 1) == 0) Interlocked.Decrement(ref owner._taken);
        }
    }
}
