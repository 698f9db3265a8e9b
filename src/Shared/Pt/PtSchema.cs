namespace Quorate.Shared.Pt;

/// <summary>Holds a file against the tensors a model must have. Their order is free: PyTorch loads by name.</summary>
public static class PtSchema
{
    /// <summary>
    /// The first difference as a sentence, in the order of <paramref name="expected"/>: a tensor that is missing, of another
    /// type or shape, or not contiguous; then one that is too many. Null where there is none.
    /// </summary>
    public static string? FirstMismatch(IReadOnlyList<TensorInfo> expected, PtFile file)
    {
        foreach (TensorInfo wanted in expected)
        {
            string name = PtText.Quote(wanted.Name);
            if (file.Find(wanted.Name) is not { } found) return $"Tensor {name} is missing.";
            if (found.Info.Type != wanted.Type) return $"Tensor {name} is {found.Info.Type}, expected {wanted.Type}.";
            if (found.Info != wanted)
                return $"Tensor {name} has shape {TensorInfo.FormatShape(found.Info.Shape)}, expected {TensorInfo.FormatShape(wanted.Shape)}.";
            if (!found.IsContiguous) return $"Tensor {name} is not contiguous; call .contiguous() on it before torch.save.";
        }

        HashSet<string> names = [.. expected.Select(tensor => tensor.Name)];
        return file.Schema.FirstOrDefault(tensor => !names.Contains(tensor.Name)) is { } extra
            ? $"Tensor {PtText.Quote(extra.Name)} is not part of the model."
            : null;
    }
}
