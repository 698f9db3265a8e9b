namespace Quorate.Coordinator.Consensus;

/// <summary>
/// A value with one writer and any number of readers that wait for changes. No wake-up is lost, because a reader takes
/// the value together with the signal of its replacement. Late readers see only the newest value.
/// </summary>
internal sealed class Latest<T>(T first)
{
    private volatile Cell _cell = new(first);

    public T Value => _cell.Value;

    /// <summary>Replaces the value and wakes every waiter. Calls must not overlap.</summary>
    public void Set(T value)
    {
        var old = _cell;
        _cell = new Cell(value);
        old.Replaced.SetResult();
    }

    /// <summary>Returns the first value, from now on, that satisfies <paramref name="wanted"/>.</summary>
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
