using System.Collections.Immutable;

namespace Quorate.Pt;

// What the unpickler's stack can hold, beside strings, longs, booleans, object[] (tuples) and TensorType (storage
// classes). There is no general object: a pickle can build these and nothing else.

/// <summary>The callables that a state dict names.</summary>
internal enum PickleCallable
{
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
}

/// <summary>A value nobody looks at: None, a float, a list (all of them only occur in a module's metadata).</summary>
internal sealed class PickleOpaque
{
    public static readonly PickleOpaque Instance = new();
}

/// <summary>A dict or OrderedDict with text keys, in the order they were set.</summary>
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

/// <summary>A storage that the pickle refers to: entry <c>data/Key</c> of the archive.</summary>
internal sealed record PickleStorage(string Key, TensorType Type, long Elements);

/// <summary>A tensor before it has a name; offset and strides count elements of the storage.</summary>
internal sealed record PickleTensor(
    PickleStorage Storage, long Offset, ImmutableArray<long> Shape, ImmutableArray<long> Strides);
