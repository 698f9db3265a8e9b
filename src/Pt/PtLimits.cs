namespace Quorate.Pt;

/// <summary>
/// What a .pt file may claim at most. A file comes from outside, so each count is held against one of these before
/// anything is allocated from it; together they keep the opening of any file under about 100 MB and a second.
/// </summary>
public static class PtLimits
{
    /// <summary>Tensors in a file. ResNet-152 has 932, GPT-3 about 1,200; ten times that leaves room.</summary>
    public const int Tensors = 16_384;

    /// <summary>Entries in the archive: one a tensor and PyTorch's handful of records beside them.</summary>
    public const int Entries = Tensors + 64;

    /// <summary>
    /// Bytes of the archive's central directory: 46 and a short name an entry make some 70, so 4 MiB is generous.
    /// </summary>
    public const int DirectoryBytes = 4 << 20;

    /// <summary>Bytes of an entry's name in the archive; PyTorch uses the file's stem, a slash and a key.</summary>
    public const int EntryNameBytes = 512;

    /// <summary>Bytes of data.pkl. PyTorch spends about 200 on a tensor.</summary>
    public const int PickleBytes = 4 << 20;

    /// <summary>Bytes of a record that holds one word (version, byteorder).</summary>
    public const int WordBytes = 32;

    /// <summary>Bytes of a tensor's name, and of any other text in the pickle.</summary>
    public const int NameBytes = 1024;

    /// <summary>
    /// Values the pickle may push, about 30 a tensor: bounds the memory of a pickle made of one-byte opcodes.
    /// </summary>
    public const int PickleValues = 1 << 20;

    /// <summary>Depth of the pickle's stack. Python sets items in batches of 1,000 pairs, which takes 2,000.</summary>
    public const int PickleStack = 10_000;

    /// <summary>Marks open at once; PyTorch nests three.</summary>
    public const int PickleMarks = 64;

    /// <summary>Values remembered by the pickle for reuse; PyTorch remembers about 10 a tensor.</summary>
    public const int PickleMemo = 1 << 18;

    /// <summary>Dimensions of a tensor. PyTorch's own kernels stop at 25.</summary>
    public const int Dimensions = 32;

    /// <summary>Elements of one tensor: 2^40, so that bytes and offsets stay far from the end of 64 bits.</summary>
    public const long Elements = 1L << 40;
}
