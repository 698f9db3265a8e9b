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
        if (!model.Schema.Any(tensor => tensor.Elements > 0))
            return CheckResult.Refused(model.Tensors.Count == 0
                ? "The file has no tensors: check the filter that chose them before torch.save."
                : "No tensor of the file has any elements: check the filter that chose them before torch.save.");
        long shown = model.Schema.Sum(tensor => tensor.Bytes);
        return shown / ShownTimes > model.Length
            ? CheckResult.Refused($"The tensors show {shown} bytes, more than {ShownTimes} times the {model.Length} "
                + "of the file; call .clone() on those that share a storage before torch.save.")
            : PtWriter.CheckSchema(model.Schema);
    }

    /// <summary>
    /// Whether the file has exactly the expected tensors. Names the first difference in the order of <paramref
    /// name="expected"/>: a tensor that is missing or has another type or shape; then one too many.
    /// </summary>
    /// <param name="expected">The tensors.</param>
    /// <param name="file">The file to check.</param>
    /// <param name="mayLack">Which of the tensors may be missing; null: none.</param>
    public static CheckResult CheckMatch(
        IReadOnlyList<TensorInfo> expected, PtFile file, Func<TensorInfo, bool>? mayLack = null)
    {
        foreach (TensorInfo tensor in expected)
        {
            var found = file.Find(tensor.Name);
            if (found is null && mayLack?.Invoke(tensor) == true) continue;
            if (Difference(tensor, found) is { Length: > 0 } difference)
                return CheckResult.Refused($"Tensor {PtText.Quote(tensor.Name)} {difference}");
        }

        HashSet<string> names = [.. expected.Select(tensor => tensor.Name)];
        return file.Schema.FirstOrDefault(tensor => !names.Contains(tensor.Name)) is { } extra
            ? CheckResult.Refused($"Tensor {PtText.Quote(extra.Name)} is not part of the model.")
            : CheckResult.Passed;
    }

    /// <summary>The first difference, as the end of a sentence; empty if there is none.</summary>
    private static string Difference(TensorInfo expected, PtTensor? found)
    {
        if (found is null) return "is missing.";
        if (found.Info.Type != expected.Type) return $"is {found.Info.Type}, expected {expected.Type}.";
        if (found.Info != expected)
            return $"has shape {TensorInfo.FormatShape(found.Info.Shape)}, "
                + $"expected {TensorInfo.FormatShape(expected.Shape)}.";
        return "";
    }
}
