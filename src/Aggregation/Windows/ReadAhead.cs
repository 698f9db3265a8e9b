using System.Buffers;
using Quorate.Pt;

namespace Quorate.Aggregation.Windows;

/// <summary>
/// Reads the same bytes of every update, tensor after tensor, one window ahead of the arithmetic and on other threads:
/// reading and verifying checksums takes three times as long as the arithmetic, so two threads share the updates. A
/// window ends with its tensor at the latest.
/// </summary>
/// <remarks>Memory: two windows of <see cref="StrideOf"/> bytes for each update, at most 4 MiB each up to 1,024 updates
/// and 4 KiB per update beyond.</remarks>
internal sealed class ReadAhead : IAsyncDisposable
{
    /// <summary>
    /// Bytes of each update: 32 to 128 KiB, as long as all of them take at most 1 MiB or each at most 32 KiB. Smaller
    /// windows would be handed over too often, larger ones would leave the cache. With very many updates, all together
    /// take at most 4 MiB, or a page each.
    /// </summary>
    private const int Least = 32 << 10, Most = 128 << 10, Together = 1 << 20, Aligned = 4 << 10, ManyTogether = 4 << 20;

    /// <summary>
    /// Two windows, kept from one round to the next. The shared pool would keep some for each of its threads.
    /// </summary>
    private static readonly ArrayPool<byte> _windows = ArrayPool<byte>.Create(1 << 30, maxArraysPerBucket: 2);

    private readonly IReadOnlyList<OpenFile> _updates;
    private readonly IReadOnlyList<TensorInfo> _tensors;
    private byte[] _current, _next;
    private int _count, _at;
    private Task<int> _reading;

    // Used by the background reader only.
    private PtTensorReader[] _readers = [];
    private int _index = -1;
    private long _left;

    /// <param name="updates">At least one.</param>
    /// <param name="tensors">The tensors to read, in this order; every update has them.</param>
    public ReadAhead(IReadOnlyList<OpenFile> updates, IReadOnlyList<TensorInfo> tensors)
    {
        (_updates, _tensors) = (updates, tensors);
        Stride = StrideOf(updates.Count);
        _current = _windows.Rent(Stride * updates.Count);
        _next = _windows.Rent(Stride * updates.Count);
        _reading = Task.Run(FillAsync);
    }

    /// <summary>Bytes from one update's place in the window to the next one's, a multiple of 4 KiB.</summary>
    public int Stride { get; }

    /// <summary>The first update's bytes from the current position on; the others' follow at each stride.</summary>
    public ReadOnlySpan<byte> Window => _current.AsSpan(_at);

    /// <summary>Waits for bytes and returns how many of each update there are; 0 at the end.</summary>
    /// <exception cref="AggregationException">An update is damaged.</exception>
    public async ValueTask<int> WaitAsync()
    {
        if (_at < _count) return _count - _at;
        (_count, _at) = (await _reading, 0);
        (_current, _next) = (_next, _current);
        if (_count > 0) _reading = Task.Run(FillAsync);
        return _count;
    }

    /// <summary>Moves on by this many bytes of each update.</summary>
    public void Advance(int count) => _at += count;

    public async ValueTask DisposeAsync()
    {
        await ((Task)_reading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _windows.Return(_current);
        _windows.Return(_next);
    }

    internal static int StrideOf(int updates)
    {
        int most = Math.Clamp(ManyTogether / updates, Aligned, Most), least = Math.Min(Least, most);
        return Math.Clamp(Together / updates, least, most) / Aligned * Aligned;
    }

    private async Task<int> FillAsync()
    {
        while (_left == 0)
        {
            if (_index + 1 == _tensors.Count) return 0;
            var tensor = _tensors[++_index];
            _left = tensor.Bytes;
            _readers = [.. _updates.Select(update => update.Reader(tensor.Name))];
        }

        int count = (int)Math.Min(Stride, _left);
        _left -= count;
        int half = _readers.Length / 2;
        var rest = half > 0 ? Task.Run(() => Read(0, half, count)) : Task.CompletedTask;
        try
        {
            Read(half, _readers.Length, count);
        }
        finally
        {
            // Both readers must be done before the window is used by anyone else.
            await rest;
        }
        return count;
    }

    private void Read(int first, int end, int count)
    {
        for (int i = first; i < end; i++)
            _updates[i].Read(_readers[i], _next.AsSpan(i * Stride, count));
    }
}
