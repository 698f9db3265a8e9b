namespace Quorate.Coordinator.Consensus;

/// <summary>
/// Reports once that this node must stop. A node that continued with a broken log could acknowledge what it loses.
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
