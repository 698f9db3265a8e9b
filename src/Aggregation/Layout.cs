using Quorate.Pt;

namespace Quorate.Aggregation;

/// <summary>A model's tensors in order, and what happens to each under the run's key rules.</summary>
internal sealed class Layout
{
    private readonly KeyRules _keys;

    public Layout(IReadOnlyList<TensorInfo> model, KeyRules keys)
    {
        _keys = keys;
        Tensors = [.. model.Select(tensor => (tensor, keys.Of(tensor)))];
    }

    public IReadOnlyList<(TensorInfo Info, Treatment Treatment)> Tensors { get; }

    public IEnumerable<TensorInfo> With(Treatment treatment) =>
        Tensors.Where(tensor => tensor.Treatment == treatment).Select(tensor => tensor.Info);

    /// <summary>Whether an update has the model's tensors. It may leave out frozen ones.</summary>
    public CheckResult Check(PtFile update) =>
        update.Schema.FirstOrDefault(tensor => _keys.Of(tensor) == Treatment.Local) is { } local
            ? CheckResult.Refused($"Tensor '{local.Name}' is local by the run's key rules: "
                + "it stays on the trainer, so leave it out of the upload.")
            : PtSchema.CheckMatch([.. Tensors.Select(tensor => tensor.Info)], update,
                tensor => _keys.Of(tensor) == Treatment.Frozen);
}
