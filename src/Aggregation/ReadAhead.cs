using System.Buffers;
using Quorate.Pt;

namespace Quorate.Aggregation;

/// <summary>
/// The updates' bytes, tensor after tensor, read and checked a window ahead of whoever sums them, on other threads:
/// reading and its check sums take three times as long as the arithmetic, so that two read, each its share of the
/// updates. A window holds the same bytes of every update and ends with its tensor at the latest.
/// </summary>
internal sealed class ReadAhead : IAsyncDisposable
{
    /// <summary>
    /// Of each update: 32 to 128 KiB, and 1 MiB of all together where that is more. Smaller windows would hand over too
    /// often, larger ones leave the cache. Of very many: a page each, or 4 MiB of all together.
    /// </summary>
    private const int Least = 32 << 10, Most = 128 << 10, Together = 1 << 20, Aligned = 4 << 10, ManyTogether = 4 << 20;

    /// <summary>
    /// Two windows, kept from one round to the next. The shared pool would keep one for each of its threads.
    /// </summary>
    private static readonly ArrayPool<byte> _windows = ArrayPool<byte>.Create(1 << 30, maxArraysPerBucket: 2);

    private readonly IReadOnlyList<(PtFile File, string Path)> _updates;
    private readonly IReadOnlyList<TensorInfo> _schema;
    private byte[] _current, _next;
    private int _count, _at;
    private Task<int> _reading;

    // Of whoever reads, meanwhile.
    private PtTensorReader[] _readers = [];
    private int _index = -1;
    private long _left;

    public ReadAhead(IReadOnlyList<(PtFile File, string Path)> updates, IReadOnlyList<TensorInfo> schema)
    {
        (_updates, _schema) = (updates, schema);
        Stride = StrideOf(updates.Count);
        _current = _windows.Rent(Stride * updates.Count);
        _next = _windows.Rent(Stride * updates.Count);
        _reading = Task.Run(FillAsync);
    }

    /// <summary>Bytes from one update's place in the window to the next one's.</summary>
    public int Stride { get; }

    /// <summary>The first update's bytes, from where the reader stands; the others' follow at each stride.</summary>
    public ReadOnlySpan<byte> Window => _current.AsSpan(_at);

    /// <summary>Waits until there are bytes, and returns how many of each update; 0: that was all.</summary>
    /// <exception cref="AveragingException">An update is damaged.</exception>
    public async ValueTask<int> WaitAsync()
    {
        if (_at < _count) return _count - _at;
        (_count, _at) = (await _reading, 0);
        (_current, _next) = (_next, _current);
        if (_count > 0) _reading = Task.Run(FillAsync);
        return _count;
    }

    /// <summary>So many bytes of each update were taken.</summary>
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
            if (_index + 1 == _schema.Count) return 0;
            var tensor = _schema[++_index];
            _left = tensor.Bytes;
            _readers = [.. _updates.Select(update =>
                Blaming(update.Path, () => new PtTensorReader(update.File, update.File.Find(tensor.Name)!)))];
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
            // Both are done, whatever came of it, before the window is anybody else's.
            await rest;
        }
        return count;
    }

    private void Read(int first, int end, int count)
    {
        for (int i = first; i < end; i++) Read(i, _next.AsSpan(i * Stride, count));
    }

    private void Read(int update, Span<byte> bytes)
    {
        try
        {
            _readers[update].Read(bytes);
        }
        catch (PtFormatException damaged)
        {
            throw new AveragingException(_updates[update].Path, damaged.Message);
        }
    }

    /// <summary>Says which update a damaged file is, so that its blob can be fetched again.</summary>
    internal static T Blaming<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (PtFormatException damaged)
        {
            throw new AveragingException(path, damaged.Message);
        }
    }
}
