using System.Collections.Immutable;

namespace Quorate.Pt;

// The values that a pickle can build, besides strings, longs, booleans, object[] (tuples) and TensorType (storage
// classes). There is no general object.

/// <summary>The functions that a state dict names.</summary>
internal enum PickleCallable
{
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
}

/// <summary>A value that is never read: None, a float or a list. They occur only in a module's metadata.</summary>
internal sealed class PickleOpaque
{
    public static readonly PickleOpaque Instance = new();
}

/// <summary>A dict or OrderedDict with text keys, in insertion order.</summary>
internal sealed class PickleDict
{
    private readonly HashSet<string> _keys = new(StringComparer.Ordinal);
    private readonly List<(string Key, object Value)> _items = [];

    public IReadOnlyList<(string Key, object Value)> Items => _items;

    public bool TryAdd(string key, object value)
    {
        if (!_keys.Add(key)) return false;
        _items.Add((key, value));
        return true;
    }
}

/// <summary>A storage: entry <c>data/Key</c> of the archive.</summary>
internal sealed record PickleStorage(string Key, TensorType Type, long Elements);

/// <summary>A tensor without its name. Offset and strides count elements of the storage.</summary>
internal sealed record PickleTensor(
    PickleStorage Storage, long Offset, ImmutableArray<long> Shape, ImmutableArray<long> Strides);
