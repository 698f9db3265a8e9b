using System.Buffers.Binary;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Quorate.Pt;

/// <summary>
/// Recognizes files and pickles that are often taken for a state dict, and says what to do instead. Every file it
/// describes is refused; nothing in it is run.
/// </summary>
internal static class ForeignContent
{
    private const string HowToSave = "save the weights with torch.save(model.state_dict(), path)";

    /// <summary>PyTorch types that have storages, but that have no element type here.</summary>
    private static readonly string[] _newerTypes =
    [
        "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu", "float4_e2m1fn_x2",
        "uint16", "uint32", "uint64", "complex32", "complex64", "complex128",
    ];

    /// <summary>Why a file that does not end as a zip archive is refused, by how it begins.</summary>
    public static PtFormatException NoArchive(SafeFileHandle file)
    {
        Span<byte> head = stackalloc byte[64];
        head = head[..RandomAccess.Read(file, head, 0)];
        return new PtFormatException(Describe(head));
    }

    /// <summary>Why a pickle that names this function or class is refused.</summary>
    /// <param name="module">Its module.</param>
    /// <param name="name">Its name in the module.</param>
    /// <param name="rest">The pickle after the name, which may say more.</param>
    public static PtFormatException Global(string module, string name, ReadOnlySpan<byte> rest)
    {
        string full = PtText.Quote($"{module}.{name}");
        string sentence = (module, name) switch
        {
            ("torch._utils", "_rebuild_tensor_v3") =>
                $"The file has a tensor of the type {NewerType(rest)}, which is not supported: convert it, for example "
                + "with .float(), before torch.save.",
            ("torch", _) when name.EndsWith("Storage", StringComparison.Ordinal) =>
                $"The file has a tensor with the storage {full}, whose type is not supported: convert it, for example "
                + "with .float(), before torch.save.",
            ("torch._utils", _) when name.Contains("sparse", StringComparison.Ordinal) =>
                "The file has a sparse tensor, which is not supported: call .to_dense() on it before torch.save.",
            ("torch._utils", _) when name.Contains("qtensor", StringComparison.Ordinal) =>
                "The file has a quantised tensor, which is not supported: call .dequantize() on it before torch.save.",
            _ when module == "numpy" || module.StartsWith("numpy.", StringComparison.Ordinal) =>
                $"The file has a NumPy value ({full}) beside its tensors, and a state dict has only tensors: "
                + "save only model.state_dict(), or convert the value with torch.tensor(value).",
            _ when IsModel(module) =>
                $"The file is a whole pickled model (it names the class {full}), which only its own code can load: "
                + $"{HowToSave}.",
            _ => $"The pickle names the global {full}, which a state dict of plain tensors never needs: refused, and "
                + $"nothing of it was run. If this is your own file, {HowToSave}.",
        };
        return new PtFormatException(sentence);
    }

    private static string Describe(ReadOnlySpan<byte> head)
    {
        if (head.IsEmpty) return $"The file is empty: {HowToSave}.";
        if (head.StartsWith("PK\x3\x4"u8))
            return "The file begins as a zip archive and does not end as one: it is cut off; copy or save it again.";
        if (head.StartsWith("version https://git-lfs"u8))
            return "The file is a Git LFS pointer and not the model itself: run git lfs pull.";
        if (head.Length > 8 && head[8] == '{' && BinaryPrimitives.ReadInt64LittleEndian(head) is > 0 and < 1L << 32)
            return "The file is in the safetensors format: load it with safetensors.torch.load_file(path) and "
                + $"{HowToSave.Replace("model.state_dict()", "the result", StringComparison.Ordinal)}.";
        // torch.save before PyTorch 1.6, and later with _use_new_zipfile_serialization=False: a pickled magic number.
        if (head.StartsWith((ReadOnlySpan<byte>)[0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8]))
            return "The file is in the format of PyTorch before 1.6: load it with torch.load(path) and save the result "
                + "with torch.save(result, path) of a newer PyTorch.";
        if (head[0] == 0x80) return $"The file is a plain pickle and not a PyTorch file: {HowToSave}.";
        if (head.StartsWith("GGUF"u8)) return $"The file is in the GGUF format and not a PyTorch file: {HowToSave}.";
        if (head.StartsWith((ReadOnlySpan<byte>)[0x89, (byte)'H', (byte)'D', (byte)'F']))
            return $"The file is in the HDF5 format (Keras) and not a PyTorch file: {HowToSave}.";
        if (head.StartsWith((ReadOnlySpan<byte>)[0x1f, 0x8b])) return "The file is compressed with gzip: unpack it.";
        return Encoding.Latin1.GetString(head).TrimStart().StartsWith('<')
            ? "The file is a web page and not a model, as when a download asks for a login or a confirmation: "
                + "download the model itself."
            : $"The file does not end as a zip archive: it is cut off, or it is not a PyTorch file; {HowToSave}.";
    }

    private static string NewerType(ReadOnlySpan<byte> rest)
    {
        foreach (string type in _newerTypes)
        {
            if (rest.IndexOf(Encoding.ASCII.GetBytes($"ctorch\n{type}\n")) >= 0) return $"torch.{type}";
        }

        return "torch.dtype of a newer PyTorch";
    }

    private static bool IsModel(string module) =>
        module is "__main__" or "torch.nn" || module.StartsWith("torch.nn.", StringComparison.Ordinal)
        || module.StartsWith("torchvision.", StringComparison.Ordinal)
        || module.StartsWith("transformers.", StringComparison.Ordinal);
}
