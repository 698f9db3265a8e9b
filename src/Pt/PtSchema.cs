namespace Quorate.Pt;

/// <summary>Holds a file against the tensors a model must have. Their order is free: PyTorch loads by name.</summary>
public static class PtSchema
{
    /// <summary>
    /// How many times its length a first model's tensors may show. Tied weights have two names each, seldom more;
    /// beyond that a small file would stand for averages, which store each tensor apart, of any size.
    /// </summary>
    private const int ShownTimes = 4;

    /// <summary>
    /// Why no round could go on from this first model, as a sentence; null where one can. Reads no tensor's bytes.
    /// </summary>
    public static string? FirstFlaw(PtFile model)
    {
        // Every update must have these tensors, and have them contiguous: as if this file were one.
        if (FirstMismatch(model.Schema, model) is { } mismatch) return mismatch;
        long shown = model.Schema.Sum(tensor => tensor.Bytes);
        return shown / ShownTimes > model.Length
            ? $"The tensors show {shown} bytes, more than {ShownTimes} times the {model.Length} of the file; "
                + "call .clone() on those that share a storage before torch.save."
            : PtWriter.FirstProblem(model.Schema);
    }

    /// <summary>
    /// The first difference as a sentence, in the order of <paramref name="expected"/>: a tensor that is missing, of
    /// another type or shape, or not contiguous; then one that is too many. Null where there is none.
    /// </summary>
    public static string? FirstMismatch(IReadOnlyList<TensorInfo> expected, PtFile file)
    {
        foreach (TensorInfo wanted in expected)
        {
            if (FirstMismatch(wanted, file.Find(wanted.Name)) is { } mismatch)
                return $"Tensor {PtText.Quote(wanted.Name)} {mismatch}";
        }

        HashSet<string> names = [.. expected.Select(tensor => tensor.Name)];
        return file.Schema.FirstOrDefault(tensor => !names.Contains(tensor.Name)) is { } extra
            ? $"Tensor {PtText.Quote(extra.Name)} is not part of the model."
            : null;
    }

    /// <summary>
    /// The first boolean tensor whose content is not the model's; null where there is none. Booleans have no mean, so
    /// updates that differ in one could not be averaged: better to refuse the one that changed it than to fail the
    /// round.
    /// </summary>
    /// <exception cref="PtFormatException">A file was cut since it was opened.</exception>
    public static string? FirstChangedBoolean(PtFile model, PtFile update)
    {
        Span<byte> wanted = stackalloc byte[1024], found = stackalloc byte[1024];
        foreach (PtTensor tensor in model.Tensors.Where(tensor => tensor.Info.Type == TensorType.Bool))
        {
            if (update.Find(tensor.Info.Name) is not { } other || other.Info != tensor.Info) return tensor.Info.Name;
            for (long done = 0; done < tensor.Info.Bytes; done += wanted.Length)
            {
                int count = (int)Math.Min(wanted.Length, tensor.Info.Bytes - done);
                model.Read(tensor, done, wanted[..count]);
                update.Read(other, done, found[..count]);
                if (!wanted[..count].SequenceEqual(found[..count])) return tensor.Info.Name;
            }
        }

        return null;
    }

    private static string? FirstMismatch(TensorInfo wanted, PtTensor? found)
    {
        if (found is null) return "is missing.";
        if (found.Info.Type != wanted.Type) return $"is {found.Info.Type}, expected {wanted.Type}.";
        if (found.Info != wanted)
        {
            return $"has shape {TensorInfo.FormatShape(found.Info.Shape)}, "
                + $"expected {TensorInfo.FormatShape(wanted.Shape)}.";
        }

        return found.IsContiguous ? null : "is not contiguous; call .contiguous() on it before torch.save.";
    }
}
