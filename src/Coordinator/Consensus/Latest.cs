namespace Quorate.Coordinator.Consensus;

/// <summary>
/// A value that one writer replaces and many readers wait for. No wake-up is lost: a reader takes the value and the
/// signal of its replacement together. Readers that come late see the newest value only.
/// </summary>
internal sealed class Latest<T>(T first)
{
    private volatile Cell _cell = new(first);

    public T Value => _cell.Value;

    /// <summary>Replaces the value and wakes every waiter. Callers take turns.</summary>
    public void Set(T value)
    {
        var old = _cell;
        _cell = new Cell(value);
        old.Replaced.SetResult();
    }

    /// <summary>The first value, from now on, that <paramref name="wanted"/> likes.</summary>
    public async Task<T> WhenAsync(Func<T, bool> wanted, CancellationToken token)
    {
        for (var cell = _cell; ; cell = _cell)
        {
            if (wanted(cell.Value)) return cell.Value;
            await cell.Replaced.Task.WaitAsync(token);
        }
    }

    private sealed class Cell(T value)
    {
        public T Value { get; } = value;
        public TaskCompletionSource Replaced { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
