using Quorate.Pt;
using static Quorate.Unit.Pt.Pickle;

namespace Quorate.Unit.Pt;

/// <summary>What a pickle may and may not contain.</summary>
public sealed class PicklesTests : IDisposable
{
    private static readonly string Sound = DictOf(Tensor(Storage(), 0, Tuple(2, 2), Tuple(2, 1)));
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_unbroken_pickle_of_these_tests_is_read()
    {
        using PtFile file = Open(Sound);
        Assert.Equal([PtFixtures.Info("w", TensorType.Float32, 2, 2)], file.Schema);
    }

    [Theory]
    [InlineData("os", "system")]
    [InlineData("posix", "system")]
    [InlineData("builtins", "eval")]
    [InlineData("__builtin__", "getattr")]
    [InlineData("torch.storage", "_load_from_bytes")]
    [InlineData("torch._tensor", "_rebuild_from_type_v2")]
    [InlineData("torch", "load")]
    [InlineData("collections", "OrderedDict.__init__")]
    public void Any_other_global_is_refused_by_name_even_if_never_called(string module, string name)
    {
        string sentence = Refusal(Protocol + "}" + Text("w") + $"c{module}\n{name}\ns.");
        Assert.Equal($"The pickle names the global '{module}.{name}', "
            + "which a state dict of plain tensors never needs: refused, and nothing of it was run. "
            + "If this is your own file, save the weights with torch.save(model.state_dict(), path).", sentence);
    }

    [Theory]
    [InlineData("torch", "ComplexFloatStorage", "the storage 'torch.ComplexFloatStorage', whose type is not supported")]
    [InlineData("torch._utils", "_rebuild_qtensor", "a quantised tensor")]
    [InlineData("torch._utils", "_rebuild_tensor_v3", "the type torch.dtype of a newer PyTorch")]
    [InlineData("torchvision.models.resnet", "ResNet", "a whole pickled model")]
    [InlineData("numpy._core.multiarray", "scalar", "a NumPy value")]
    public void A_frequent_mistake_is_refused_with_what_it_is(string module, string name, string sentence) =>
        Refused(sentence, Protocol + "}" + Text("w") + $"c{module}\n{name}\ns.");

    [Fact]
    public void Every_other_opcode_is_refused()
    {
        HashSet<char> needed = [.. ".(cRbQXJKM\u008aGN\u0088\u0089)t\u0085\u0086\u0087]ae}suqrhj"];
        for (int opcode = 0; opcode < 256; opcode++)
        {
            if (needed.Contains((char)opcode)) continue;
            Refused($"The pickle uses opcode 0x{opcode:x2} at byte 3, ", Protocol + "}" + (char)opcode + ".");
        }
    }

    public static TheoryData<string, string> Broken => new()
    {
        { "", "does not start with protocol" },
        { "\u0080\u0005}.", "does not start with protocol" },
        { Protocol + ".", "lacks a value" },
        { Protocol + "}", "ends in the middle of a field" },
        { Protocol + "}.}", "continues after its value" },
        { Protocol + "}}.", "continues after its value" },
        { Protocol + "(}.", "continues after its value" },
        { Protocol + "t.", "closes a group that it never opened" },
        { Protocol + "N\u0086.", "takes more values than it has" },
        { Protocol + "}(N\u0086.", "takes more values than it has" },
        { Protocol + "h\u0007.", "recalls value 7" },
        { Protocol + "}(Nu.", "sets a key without a value" },
        { Protocol + "}NNs.", "keys are not text" },
        { Protocol + "N" + Text("a") + "Ns.", "lacks a dict" },
        { Protocol + "}Na.", "lacks a list" },
        { Protocol + "}" + Text("w") + "Ns.", "'w' of the state dict is not a tensor" },
        { Protocol + "}" + Text("a") + "N" + "s" + Text("a") + "Ns.", "'a' twice" },
        { Protocol + "]}b.", "lacks a dict" },
        { Protocol + "}Nb.", "lacks a dict of attributes" },
        { Protocol + "X\u00ff\u00ff\u00ff\u00ff", "a text of 4294967295 bytes" },
        { Protocol + "X\u0002\0\0\0\u00c3\u0028.", "not valid UTF-8" },
        { Protocol + "\u008a\u0009" + new string('\0', 9) + ".", "a number of 9 bytes" },
        { Protocol + "c" + new string('a', PtLimits.NameBytes + 1) + "\nb\n.", "a line without an end" },
        { Protocol + "ccollections\nOrderedDict\n(" + Number(1) + "tR.", "with arguments that no plain tensor has" },
        { Protocol + "ctorch\nFloatStorage\n)R.", "lacks a callable" },
    };

    [Theory]
    [MemberData(nameof(Broken))]
    public void A_broken_pickle_is_refused_with_a_reason(string pickle, string sentence) =>
        Refused(sentence, pickle);

    public static TheoryData<string, string> Impossible => new()
    {
        { Tensor(Storage(), 1, Tuple(2, 2), Tuple(2, 1)), "reaches to element 5 of a storage of 4" },
        { Tensor(Storage(), 0, Tuple(2, 2), Tuple(4, 1)), "reaches to element 6 of a storage of 4" },
        { Tensor(Storage(), 5, Tuple(0), Tuple(1)), "reaches to element 5" },
        { Tensor(Storage(), 0, Tuple(1L << 40), Tuple(long.MaxValue)), "reaches to element" },
        { Tensor(Storage(), -1, Tuple(2), Tuple(1)), "strides or an offset" },
        { Tensor(Storage(), 0, Tuple(2), Tuple(-1)), "strides or an offset" },
        { Tensor(Storage(), 0, Tuple(2), Tuple(2, 1)), "strides or an offset" },
        { Tensor(Storage(), 0, Tuple(-2), Tuple(1)), "a negative size" },
        { Tensor(Storage(), 0, Tuple(1L << 40, 2), Tuple(0, 0)), "more than 1099511627776 elements" },
        { Tensor(Storage(), 0, Tuple(1L << 62, 1L << 62, 0), Tuple(0, 0, 0)), "more than 1099511627776 elements" },
        { Tensor(Storage(), 0, Tuple(new long[33]), Tuple(new long[33])), "33 dimensions" },
        { Tensor(Storage(), 0, "(Nt", "(Nt"), "not a number" },
        { Tensor(Storage(elements: 3), 0, Tuple(2), Tuple(1)), "has 16 bytes" },
        { Tensor(Storage(elements: 5), 0, Tuple(2), Tuple(1)), "has 16 bytes" },
        { Tensor(Storage(type: "DoubleStorage"), 0, Tuple(2), Tuple(1)), "has 16 bytes" },
        { Tensor(Storage(elements: -1), 0, Tuple(2), Tuple(1)), "describes a storage" },
        { Tensor(Storage(elements: long.MaxValue), 0, Tuple(2), Tuple(1)), "describes a storage" },
        { Tensor(Storage(key: "../0"), 0, Tuple(2), Tuple(1)), "describes a storage" },
        { Tensor(Storage(key: "1"), 0, Tuple(2), Tuple(1)), "lacks the entry 'a/data/1'" },
        { Tensor("N", 0, Tuple(2), Tuple(1)), "with arguments that no plain tensor has" },
    };

    [Theory]
    [MemberData(nameof(Impossible))]
    public void An_impossible_tensor_is_refused(string tensor, string sentence) =>
        Refused(sentence, DictOf(tensor));

    [Fact]
    public void Too_many_values_marks_memo_entries_or_bytes_are_refused()
    {
        Refused("more values", Protocol + "N" + new string('\u0085', PtLimits.PickleValues));
        Refused("more values", Protocol + new string('N', PtLimits.PickleStack + 1));
        Refused("nests deeper", Protocol + new string('(', PtLimits.PickleMarks + 1));
        string memo = string.Concat(Enumerable.Range(0, PtLimits.PickleMemo + 1)
            .Select(slot => "r" + LittleEndian(slot, 4)));
        Refused("stores more", Protocol + "}" + memo);
        Refused($"at most {PtLimits.PickleBytes}", new string('N', PtLimits.PickleBytes + 1));
    }

    [Fact]
    public void Opening_a_huge_expanded_tensor_costs_nothing_and_it_may_not_start_a_run()
    {
        using PtFile file = Open(DictOf(Tensor(Storage(), 0, Tuple(1L << 20, 1L << 20), Tuple(0, 0))));
        PtTensor giant = Assert.Single(file.Tensors);
        Assert.Equal(4L << 40, giant.Info.Bytes);
        file.Read(giant, giant.Info.Bytes - 4, new byte[4]);
        Assert.StartsWith(
            "The tensors show 4398046511104 bytes, more than 4 times the ",
            PtSchema.CheckFirstModel(file).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_cannot_forge_a_log_line()
    {
        string sentence = Refusal(Protocol + "}" + Text("a\nb" + new string('x', 500)) + "Ns.");
        Assert.StartsWith("The entry 'a?bxxx", sentence, StringComparison.Ordinal);
        Assert.InRange(sentence.Length, 0, 250);
    }

    [Fact]
    public void A_pickle_cut_anywhere_is_refused()
    {
        for (int length = 0; length < Sound.Length; length++) Refusal(Sound[..length]);
    }

    private PtFile Open(string pickle) => PtFile.Open(_folder.Write("a.pt", Archive(pickle)));

    private void Refused(string sentence, string pickle) =>
        Assert.Contains(sentence, Refusal(pickle), StringComparison.Ordinal);

    private string Refusal(string pickle) => Assert.Throws<PtFormatException>(() => Open(pickle)).Message;
}
