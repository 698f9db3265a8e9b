using System.Runtime.InteropServices;
using Quorate.Pt;

namespace Quorate.Aggregation;

/// <summary>
/// What a round's model requires of its updates under the run's key rules. An update that passes can be aggregated with
/// any others that pass, so a bad one is refused at once and cannot make the round fail later.
/// </summary>
/// <param name="model">The model's file. It is read once, with the first update.</param>
/// <param name="keys">The run's key rules.</param>
public sealed class AdmissionRules(string model, KeyRules keys)
{
    /// <summary>Replaced as a whole; two threads may read the model at the same time.</summary>
    private volatile RoundModel? _known;

    private sealed record RoundModel(Layout Layout, HashSet<string> WithInfinities);

    /// <summary>Whether rounds can start from this first model.</summary>
    /// <exception cref="OperationCanceledException">Between two blocks.</exception>
    public static CheckResult CheckFirstModel(string path, AggregationPlan plan, CancellationToken token)
    {
        try
        {
            using var model = PtFile.Open(path);
            var layout = new Layout(model.Schema, plan.Keys);
            var first = PtSchema.CheckFirstModel(model);
            if (!first.IsRefused(out _)) first = layout.Check(model);
            return first.IsRefused(out _) ? first
                : model.FindNonFinite(token).FirstOrDefault(tensor => HasNaN(model, tensor)) is { } bad
                    ? CheckResult.Refused($"Tensor '{bad.Info.Name}' contains NaN.")
                    : CheckResult.Passed;
        }
        catch (PtFormatException damage)
        {
            return CheckResult.Refused(damage.Message);
        }
    }

    /// <summary>
    /// Whether the update can be aggregated: intact, the model's tensors, its constants unchanged, and no NaN or
    /// infinity that the model does not have in the same place. Damage of the model is reported in the same way: verify
    /// both files before the trainer is blamed.
    /// </summary>
    /// <exception cref="OperationCanceledException">Between two blocks.</exception>
    public CheckResult CheckUpdate(string path, CancellationToken token)
    {
        try
        {
            using var update = PtFile.Open(path);
            var known = _known ??= Read(token);
            var match = known.Layout.Check(update);
            if (match.IsRefused(out _)) return match;
            HashSet<string> suspects = [.. known.WithInfinities];
            suspects.UnionWith(update.FindNonFinite(token).Select(tensor => tensor.Info.Name));
            return CheckAgainstModel(known, update, suspects);
        }
        catch (PtFormatException damage)
        {
            return CheckResult.Refused(damage.Message);
        }
    }

    private RoundModel Read(CancellationToken token)
    {
        using var file = PtFile.Open(model);
        return new RoundModel(
            new Layout(file.Schema, keys), [.. file.FindNonFinite(token).Select(tensor => tensor.Info.Name)]);
    }

    private CheckResult CheckAgainstModel(RoundModel known, PtFile update, HashSet<string> suspects)
    {
        PtFile? file = null;
        try
        {
            foreach (var (tensor, treatment) in known.Layout.Tensors)
            {
                bool fixedBytes = treatment is Treatment.Constant or Treatment.Frozen;
                if (!fixedBytes && !suspects.Contains(tensor.Name)) continue;
                if (update.Find(tensor.Name) is not { } there) continue;
                file ??= PtFile.Open(model);
                var here = file.Find(tensor.Name)!;
                if (fixedBytes)
                {
                    if (!Agree(file, here, update, there, (one, other) => one.SequenceEqual(other)))
                        return Changed(tensor, treatment);
                }
                else if (!Agree(file, here, update, there, (one, two) => HaveSameInfinities(tensor.Type, one, two)))
                {
                    return CheckResult.Refused($"Tensor '{tensor.Name}' " + (known.WithInfinities.Contains(tensor.Name)
                        ? "must have the infinities of the round's model in the same places, and no NaN."
                        : "contains NaN or Inf."));
                }
            }

            return CheckResult.Passed;
        }
        finally
        {
            file?.Dispose();
        }
    }

    private static CheckResult Changed(TensorInfo tensor, Treatment treatment) => CheckResult.Refused(
        $"Tensor '{tensor.Name}' "
        + (treatment == Treatment.Frozen ? "is frozen by the run's key rules and differs from the model's."
            : tensor.Type == TensorType.Bool ? "is boolean and differs from the model's: booleans have no mean."
            : $"has integers ({tensor.Type}) that differ from the model's. If a mean or a maximum is right for them, "
                + "give the tensor the rule average or max in aggregation.keys of the run file."));

    private delegate bool Comparison(ReadOnlySpan<byte> model, ReadOnlySpan<byte> update);

    private static bool Agree(PtFile model, PtTensor here, PtFile update, PtTensor there, Comparison agree)
    {
        byte[] one = FileBlocks.Pool.Rent(FileBlocks.BytesMax), other = FileBlocks.Pool.Rent(FileBlocks.BytesMax);
        try
        {
            for (long done = 0; done < here.Info.Bytes; done += FileBlocks.BytesMax)
            {
                int count = (int)Math.Min(FileBlocks.BytesMax, here.Info.Bytes - done);
                model.Read(here, done, one.AsSpan(0, count));
                update.Read(there, done, other.AsSpan(0, count));
                if (!agree(one.AsSpan(0, count), other.AsSpan(0, count))) return false;
            }

            return true;
        }
        finally
        {
            FileBlocks.Pool.Return(one);
            FileBlocks.Pool.Return(other);
        }
    }

    private static bool HasNaN(PtFile file, PtTensor tensor) =>
        !Agree(file, tensor, file, tensor, (one, other) => HaveSameInfinities(tensor.Info.Type, one, other));

    /// <summary>Whether both have the same infinities in the same places, and no NaN.</summary>
    private static bool HaveSameInfinities(TensorType type, ReadOnlySpan<byte> model, ReadOnlySpan<byte> update) =>
        type switch
        {
            TensorType.Float64 => HaveSameInfinities<ulong>(model, update, 0x7FF0_0000_0000_0000),
            TensorType.Float32 => HaveSameInfinities<uint>(model, update, 0x7F80_0000),
            TensorType.BFloat16 => HaveSameInfinities<ushort>(model, update, 0x7F80),
            _ => HaveSameInfinities<ushort>(model, update, 0x7C00),
        };

    private static bool HaveSameInfinities<T>(ReadOnlySpan<byte> model, ReadOnlySpan<byte> update, T infinity)
        where T : unmanaged, System.Numerics.IBinaryInteger<T>
    {
        ReadOnlySpan<T> here = MemoryMarshal.Cast<byte, T>(model), there = MemoryMarshal.Cast<byte, T>(update);
        T sign = ~(T.AllBitsSet >>> 1);
        for (int i = 0; i < here.Length; i++)
        {
            bool special = (here[i] & infinity) == infinity || (there[i] & infinity) == infinity;
            if (special && (here[i] != there[i] || (here[i] & ~sign) != infinity)) return false;
        }

        return true;
    }
}
