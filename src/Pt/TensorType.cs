using System.Diagnostics.CodeAnalysis;

namespace Quorate.Pt;

/// <summary>
/// The element types that are read and written: PyTorch's plain numeric storages, without complex and quantised ones.
/// </summary>
[SuppressMessage("Naming", "CA1720", Justification = "The members are names of types.")]
public enum TensorType
{
    Float32,
    Float64,
    Float16,
    BFloat16,
    Int64,
    Int32,
    Int16,
    Int8,
    UInt8,
    Bool,
}

public static class TensorTypes
{
    // In the pickle, a storage's class says its element type (torch/storage.py, the legacy typed storages).
    private static readonly Dictionary<string, TensorType> _byStorageClass = new(StringComparer.Ordinal)
    {
        ["FloatStorage"] = TensorType.Float32,
        ["DoubleStorage"] = TensorType.Float64,
        ["HalfStorage"] = TensorType.Float16,
        ["BFloat16Storage"] = TensorType.BFloat16,
        ["LongStorage"] = TensorType.Int64,
        ["IntStorage"] = TensorType.Int32,
        ["ShortStorage"] = TensorType.Int16,
        ["CharStorage"] = TensorType.Int8,
        ["ByteStorage"] = TensorType.UInt8,
        ["BoolStorage"] = TensorType.Bool,
    };

    private static readonly Dictionary<TensorType, string> _storageClasses =
        _byStorageClass.ToDictionary(pair => pair.Value, pair => pair.Key);

    /// <summary>Bytes of one element: 1, 2, 4 or 8.</summary>
    public static int Size(this TensorType type) => type switch
    {
        TensorType.Float64 or TensorType.Int64 => 8,
        TensorType.Float32 or TensorType.Int32 => 4,
        TensorType.Float16 or TensorType.BFloat16 or TensorType.Int16 => 2,
        TensorType.Int8 or TensorType.UInt8 or TensorType.Bool => 1,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Unknown tensor type."),
    };

    /// <summary>Whether the type can hold NaN and infinities.</summary>
    public static bool IsFloating(this TensorType type) =>
        type is TensorType.Float32 or TensorType.Float64 or TensorType.Float16 or TensorType.BFloat16;

    /// <summary>PyTorch's class name of a storage of this type, such as <c>FloatStorage</c>.</summary>
    internal static string StorageClass(this TensorType type) => _storageClasses[type];

    internal static bool TryParseStorageClass(string name, out TensorType type) =>
        _byStorageClass.TryGetValue(name, out type);
}
