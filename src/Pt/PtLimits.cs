namespace Quorate.Pt;

/// <summary>
/// The largest values that a .pt file may claim. Files come from outside, so each count is checked against its limit
/// before memory is allocated for it. Together the limits keep opening any file below about 100 MB and one second.
/// </summary>
public static class PtLimits
{
    /// <summary>Tensors in a file. ResNet-152 has 932, GPT-3 about 1,200; ten times that leaves room.</summary>
    public const int Tensors = 16_384;

    /// <summary>Entries in the archive: one per tensor, and a few records of PyTorch's own.</summary>
    public const int Entries = Tensors + 64;

    /// <summary>
    /// Bytes of the archive's central directory. An entry takes 46 bytes and a short name, so 4 MiB is generous.
    /// </summary>
    public const int DirectoryBytes = 4 << 20;

    /// <summary>Bytes of an entry's name in the archive. PyTorch uses the file's stem, a slash and a key.</summary>
    public const int EntryNameBytes = 512;

    /// <summary>Bytes of data.pkl. PyTorch uses about 200 per tensor.</summary>
    public const int PickleBytes = 4 << 20;

    /// <summary>Bytes of a record that holds one word (version, byteorder).</summary>
    public const int WordBytes = 32;

    /// <summary>Bytes of a tensor's name, and of any other text in the pickle.</summary>
    public const int NameBytes = 1024;

    /// <summary>
    /// Values that the pickle may push, about 30 per tensor. Bounds the memory for a pickle of one-byte opcodes.
    /// </summary>
    public const int PickleValues = 1 << 20;

    /// <summary>Depth of the pickle's stack. Python sets items in batches of 1,000 pairs: 2,000 places.</summary>
    public const int PickleStack = 10_000;

    /// <summary>Marks open at the same time. PyTorch nests three.</summary>
    public const int PickleMarks = 64;

    /// <summary>Values that the pickle stores for reuse. PyTorch stores about 10 per tensor.</summary>
    public const int PickleMemo = 1 << 18;

    /// <summary>Dimensions of a tensor. PyTorch's own kernels support 25.</summary>
    public const int Dimensions = 32;

    /// <summary>Elements of one tensor: 2^40, so that byte counts and offsets stay far below 2^63.</summary>
    public const long Elements = 1L << 40;
}
