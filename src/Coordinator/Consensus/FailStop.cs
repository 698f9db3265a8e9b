namespace Quorate.Coordinator.Consensus;

/// <summary>
/// Says once that this node must stop. A node that goes on with a broken log could promise what it forgets.
/// </summary>
internal sealed class FailStop(Action<Exception> onBroken, ILogger logger)
{
    private int _tripped;

    public bool Tripped => Volatile.Read(ref _tripped) != 0;

    public void Trip(Exception exception)
    {
        if (Interlocked.Exchange(ref _tripped, 1) != 0) return;
        logger.Broken(exception);
        onBroken(exception);
    }
}
