using Quorate.Pt;
using static Quorate.Unit.Pt.PtFixtures;

namespace Quorate.Unit.Pt;

/// <summary>The checks before an update is accepted: the model's tensors and finite numbers.</summary>
public sealed class PtUploadCheckTests : IDisposable
{
    private static readonly TensorInfo Weight = Info("w", TensorType.Float32, 2, 3);
    private static readonly TensorInfo Mask = Info("m", TensorType.Bool, 2);
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_models_own_tensors_match_in_any_order()
    {
        using PtFile file = Open((Mask, new byte[2]), (Weight, new byte[24]));
        Assert.Equal(CheckResult.Passed, PtSchema.CheckMatch([Weight, Mask], file));
    }

    [Fact]
    public void A_mismatch_names_the_tensor_and_both_sides()
    {
        Assert.Equal("Tensor 'm' is missing.", Mismatch(Weight));
        Assert.Equal("Tensor 'x' is not part of the model.", Mismatch(Weight, Mask, Info("x", TensorType.Int8)));
        Assert.Equal("Tensor 'w' is Float64, expected Float32.", Mismatch(Info("w", TensorType.Float64, 2, 3), Mask));
        Assert.Equal(
            "Tensor 'w' has shape [3, 2], expected [2, 3].", Mismatch(Info("w", TensorType.Float32, 3, 2), Mask));
        Assert.Equal("Tensor 'w' has shape [6], expected [2, 3].", Mismatch(Info("w", TensorType.Float32, 6), Mask));
    }

    [Fact]
    public void A_first_model_may_tie_weights_but_not_show_one_storage_a_hundred_times()
    {
        Assert.Equal(CheckResult.Passed, Check(Pickle.Tied(50_000, Names(4))));
        string flaw = Check(Pickle.Tied(50_000, Names(100))).ToString();
        Assert.StartsWith("The tensors show 5000000 bytes, more than 4 times the ", flaw, StringComparison.Ordinal);
    }

    [Fact]
    public void A_first_model_whose_averages_need_too_long_a_pickle_is_refused() => Assert.Matches(
        "^The tensors' names and shapes take [0-9]+ bytes; at most 4194304 are allowed.$",
        Check(Pickle.Tied(1, Names(PtLimits.Tensors, new string('n', 120)))).ToString());

    [Fact]
    public void A_first_model_without_numbers_is_refused()
    {
        Assert.Equal(
            "The file has no tensors: check the filter that chose them before torch.save.",
            Check(File.ReadAllBytes(PathOf("empty.pt"))).ToString());
        Assert.Equal(
            "No tensor of the file has any elements: check the filter that chose them before torch.save.",
            Check(Write((Info("w", TensorType.Float32, 3, 0), []))).ToString());
    }

    [Fact]
    public void A_cancelled_check_ends()
    {
        using PtFile file = Open((Weight, new byte[24]));
        Assert.Throws<OperationCanceledException>(() => file.FindNonFinite(new CancellationToken(canceled: true)));
    }

    // Lengths below, at and beyond a vector's length, with the bad number at either end.
    public static TheoryData<TensorType, int, int> Places
    {
        get
        {
            var places = new TheoryData<TensorType, int, int>();
            foreach (TensorType type in Enum.GetValues<TensorType>().Where(type => type.IsFloating()))
            {
                foreach (int length in new[] { 1, 3, 16, 67, 100_000 })
                {
                    places.Add(type, length, 0);
                    places.Add(type, length, length - 1);
                }
            }

            return places;
        }
    }

    [Theory]
    [MemberData(nameof(Places))]
    public void NaN_and_infinities_are_found_at_any_position(TensorType type, int length, int place)
    {
        foreach (double bad in new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity })
        {
            byte[] content = new byte[length * type.Size()];
            Element(type, bad).CopyTo(content, place * type.Size());
            using PtFile file = Open(
                (Info("first", type, length), new byte[content.Length]), (Info("bad", type, length), content));
            Assert.Equal("bad", Assert.Single(file.FindNonFinite()).Info.Name);
        }
    }

    [Fact]
    public void The_largest_numbers_and_every_integer_are_finite()
    {
        using PtFile file = Open(
            (Info("f", TensorType.Float32, 2), [0xff, 0xff, 0x7f, 0x7f, 0xff, 0xff, 0x7f, 0xff]),
            (Info("d", TensorType.Float64, 2), [.. Element(TensorType.Float64, double.MaxValue), .. new byte[8]]),
            (Info("h", TensorType.Float16, 2), [0xff, 0x7b, 0xff, 0xfb]),
            (Info("b", TensorType.BFloat16, 2), [0x7f, 0x7f, 0x7f, 0xff]),
            (Info("i", TensorType.Int32, 1), [0, 0, 0x80, 0x7f]));
        Assert.Empty(file.FindNonFinite());
    }

    private static byte[] Element(TensorType type, double value) => type switch
    {
        TensorType.Float64 => BitConverter.GetBytes(value),
        TensorType.Float32 => BitConverter.GetBytes((float)value),
        TensorType.Float16 => BitConverter.GetBytes((Half)value),
        _ => BitConverter.GetBytes((float)value)[2..],
    };

    private string Mismatch(params TensorInfo[] tensors)
    {
        using PtFile file = Open([.. tensors.Select(tensor => (tensor, new byte[tensor.Bytes]))]);
        return PtSchema.CheckMatch([Weight, Mask], file).ToString();
    }

    private CheckResult Check(byte[] bytes)
    {
        using PtFile file = PtFile.Open(_folder.Write("first.pt", bytes));
        return PtSchema.CheckFirstModel(file);
    }

    private static IEnumerable<string> Names(int count, string suffix = "") =>
        Enumerable.Range(0, count).Select(i => $"{i}{suffix}");

    private PtFile Open(params (TensorInfo, byte[])[] tensors) =>
        PtFile.Open(_folder.Write($"{Guid.NewGuid():n}.pt", Write(tensors)));
}
