namespace Quorate.Pt;

/// <summary>
/// Compares a file with the tensors that a model must have. Order does not matter: PyTorch loads by name.
/// </summary>
public static class PtSchema
{
    /// <summary>
    /// How many times its length the tensors of a first model may show. Tied weights have two names each, rarely more.
    /// Without this limit a small file could expand to averages of any size, because they store each tensor separately.
    /// </summary>
    private const int ShownTimes = 4;

    /// <summary>Whether rounds can start from this first model. Reads no tensor's bytes.</summary>
    public static CheckResult CheckFirstModel(PtFile model)
    {
        // Every update must match these tensors, so the model itself must.
        var match = CheckMatch(model.Schema, model);
        if (match.IsRefused(out _)) return match;
        long shown = model.Schema.Sum(tensor => tensor.Bytes);
        return shown / ShownTimes > model.Length
            ? CheckResult.Refused($"The tensors show {shown} bytes, more than {ShownTimes} times the {model.Length} "
                + "of the file; call .clone() on those that share a storage before torch.save.")
            : PtWriter.CheckSchema(model.Schema);
    }

    /// <summary>
    /// Whether the file has exactly the expected tensors. Names the first difference in the order of <paramref
    /// name="expected"/>: a tensor that is missing, has another type or shape, or is not contiguous; then one too many.
    /// </summary>
    public static CheckResult CheckMatch(IReadOnlyList<TensorInfo> expected, PtFile file)
    {
        foreach (TensorInfo tensor in expected)
        {
            if (Difference(tensor, file.Find(tensor.Name)) is { Length: > 0 } difference)
                return CheckResult.Refused($"Tensor {PtText.Quote(tensor.Name)} {difference}");
        }

        HashSet<string> names = [.. expected.Select(tensor => tensor.Name)];
        return file.Schema.FirstOrDefault(tensor => !names.Contains(tensor.Name)) is { } extra
            ? CheckResult.Refused($"Tensor {PtText.Quote(extra.Name)} is not part of the model.")
            : CheckResult.Passed;
    }

    /// <summary>
    /// Whether all boolean tensors equal the model's. Booleans have no mean, so updates with different ones could not
    /// be averaged; refusing the one that changed them keeps the round going.
    /// </summary>
    /// <exception cref="PtFormatException">A file was cut since it was opened.</exception>
    public static CheckResult CheckBooleans(PtFile model, PtFile update)
    {
        Span<byte> expected = stackalloc byte[1024], found = stackalloc byte[1024];
        foreach (PtTensor tensor in model.Tensors.Where(tensor => tensor.Info.Type == TensorType.Bool))
        {
            if (update.Find(tensor.Info.Name) is not { } other || other.Info != tensor.Info) return Changed(tensor);
            for (long done = 0; done < tensor.Info.Bytes; done += expected.Length)
            {
                int count = (int)Math.Min(expected.Length, tensor.Info.Bytes - done);
                model.Read(tensor, done, expected[..count]);
                update.Read(other, done, found[..count]);
                if (!expected[..count].SequenceEqual(found[..count])) return Changed(tensor);
            }
        }

        return CheckResult.Passed;
    }

    private static CheckResult Changed(PtTensor tensor) => CheckResult.Refused(
        $"Tensor {PtText.Quote(tensor.Info.Name)} is boolean and differs from the model's: booleans have no mean.");

    /// <summary>The first difference, as the end of a sentence; empty if there is none.</summary>
    private static string Difference(TensorInfo expected, PtTensor? found)
    {
        if (found is null) return "is missing.";
        if (found.Info.Type != expected.Type) return $"is {found.Info.Type}, expected {expected.Type}.";
        if (found.Info != expected)
            return $"has shape {TensorInfo.FormatShape(found.Info.Shape)}, "
                + $"expected {TensorInfo.FormatShape(expected.Shape)}.";
        return found.IsContiguous ? "" : "is not contiguous; call .contiguous() on it before torch.save.";
    }
}
