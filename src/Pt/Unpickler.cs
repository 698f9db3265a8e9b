using System.Buffers.Binary;
using System.Collections.Immutable;

namespace Quorate.Pt;

/// <summary>
/// Reads the data.pkl of a .pt file. A pickle is a program: opcodes push values on a stack, and REDUCE calls any
/// function that the pickle names, which lets a hostile file run commands. This reader knows only the opcodes and the
/// three functions that a state dict of plain tensors uses and refuses everything else. It calls no function; it
/// records where each tensor is. It does not recurse, and every count is checked against PtLimits.
/// </summary>
internal sealed class Unpickler
{
    private readonly ByteCursor _code;
    private readonly List<object> _stack = [];
    private readonly List<int> _marks = [];
    private readonly Dictionary<uint, object> _memo = [];
    private int _pushed;

    private Unpickler(byte[] pickle) => _code = new ByteCursor(pickle, "The pickle");

    /// <returns>The state dict: names and tensors in order, without duplicate names.</returns>
    /// <exception cref="PtFormatException">The pickle is not a state dict of plain tensors.</exception>
    public static IReadOnlyList<(string Name, PickleTensor Tensor)> ReadStateDict(byte[] pickle)
    {
        object root = new Unpickler(pickle).Run();
        if (root is not PickleDict dict)
            throw new PtFormatException(
                "The file is not a state dict: save model.state_dict(), not the model or a single tensor.");
        if (dict.Items.Count > PtLimits.Tensors)
            throw new PtFormatException(
                $"The state dict has {dict.Items.Count} tensors; at most {PtLimits.Tensors} are allowed.");

        return [.. dict.Items.Select(item => (item.Key, item.Value as PickleTensor ?? throw new PtFormatException(
            $"The entry {PtText.Quote(item.Key)} of the state dict is not a tensor: "
            + "save only model.state_dict().")))];
    }

    private object Run()
    {
        // 2 is torch.save's default. Python writes protocol 4 with opcodes that are refused below.
        if (_code.AtEnd || _code.Byte() != PickleOpcode.Protocol || _code.Byte() is not (>= 2 and <= 4))
            throw new PtFormatException(
                "The pickle does not start with protocol 2 to 4; use torch.save's default protocol.");

        for (byte opcode = _code.Byte(); opcode != PickleOpcode.Stop; opcode = _code.Byte()) Step(opcode);
        object root = Pop<object>("a value");
        if (_stack.Count != 0 || _marks.Count != 0 || !_code.AtEnd)
            throw new PtFormatException("The pickle continues after its value: the file is damaged or forged.");
        return root;
    }

    private void Step(byte opcode)
    {
        switch (opcode)
        {
            case PickleOpcode.Mark: PushMark(); break;
            case PickleOpcode.Global: Push(ReadGlobal()); break;
            case PickleOpcode.Reduce: Push(Reduce()); break;
            case PickleOpcode.Build: DropMetadata(); break;
            case PickleOpcode.PersistentId: Push(ToStorage(Pop<object[]>("a storage's description"))); break;

            case PickleOpcode.Text: Push(ReadText()); break;
            case PickleOpcode.Int32: Push((long)_code.Int32()); break;
            case PickleOpcode.UInt8: Push((long)_code.Byte()); break;
            case PickleOpcode.UInt16: Push((long)_code.UInt16()); break;
            case PickleOpcode.Long: Push(ReadLong()); break;
            case PickleOpcode.Double: _code.Skip(sizeof(double)); Push(PickleOpaque.Instance); break;
            case PickleOpcode.None: Push(PickleOpaque.Instance); break;
            case PickleOpcode.True: Push(true); break;
            case PickleOpcode.False: Push(false); break;

            case PickleOpcode.EmptyTuple: Push(Array.Empty<object>()); break;
            case PickleOpcode.Tuple: Push(PopToMark()); break;
            case PickleOpcode.Tuple1: Push(PopLast(1)); break;
            case PickleOpcode.Tuple2: Push(PopLast(2)); break;
            case PickleOpcode.Tuple3: Push(PopLast(3)); break;
            case PickleOpcode.EmptyList: Push(PickleOpaque.Instance); break;
            case PickleOpcode.Append: PopLast(1); Top<PickleOpaque>("a list"); break;
            case PickleOpcode.Appends: PopToMark(); Top<PickleOpaque>("a list"); break;
            case PickleOpcode.EmptyDict: Push(new PickleDict()); break;
            case PickleOpcode.SetItem: SetItems(PopLast(2)); break;
            case PickleOpcode.SetItems: SetItems(PopToMark()); break;

            case PickleOpcode.Put: Remember(_code.Byte()); break;
            case PickleOpcode.LongPut: Remember(_code.UInt32()); break;
            case PickleOpcode.Get: Push(Recall(_code.Byte())); break;
            case PickleOpcode.LongGet: Push(Recall(_code.UInt32())); break;
            default:
                throw new PtFormatException(
                    $"The pickle uses opcode 0x{opcode:x2} at byte {_code.Position - 1}, which a state dict "
                    + "of plain tensors never needs: refused (use torch.save's default protocol).");
        }
    }

    private object ReadGlobal()
    {
        ReadOnlySpan<byte> module = _code.Line(PtLimits.NameBytes), name = _code.Line(PtLimits.NameBytes);
        if (module.SequenceEqual("torch._utils"u8))
        {
            if (name.SequenceEqual("_rebuild_tensor_v2"u8)) return PickleCallable.RebuildTensor;
            if (name.SequenceEqual("_rebuild_parameter"u8)) return PickleCallable.RebuildParameter;
        }
        if (module.SequenceEqual("collections"u8) && name.SequenceEqual("OrderedDict"u8))
            return PickleCallable.OrderedDict;
        string text = PtText.Decode(name, "A name in the pickle");
        if (module.SequenceEqual("torch"u8) && TensorTypes.TryParseStorageClass(text, out TensorType type)) return type;
        throw ForeignContent.Global(PtText.Decode(module, "A name in the pickle"), text, _code.Rest);
    }

    private object Reduce()
    {
        object[] arguments = Pop<object[]>("a tuple of arguments");
        PickleCallable callable = Pop<PickleCallable>("a callable");
        return (callable, arguments) switch
        {
            (PickleCallable.OrderedDict, []) => new PickleDict(),
            (PickleCallable.RebuildTensor,
                [PickleStorage storage, long offset, object[] shape, object[] strides, bool, PickleDict hooks])
                when hooks.Items.Count == 0 => new PickleTensor(storage, offset, ToNumbers(shape), ToNumbers(strides)),
            (PickleCallable.RebuildParameter, [PickleTensor tensor, bool, PickleDict hooks])
                when hooks.Items.Count == 0 => tensor,
            _ => throw new PtFormatException(
                $"The pickle calls {callable} with arguments that no plain tensor has: refused."),
        };
    }

    /// <summary>
    /// ('storage', class, key, location, elements), as torch.save describes a storage. The location is not used.
    /// </summary>
    private static PickleStorage ToStorage(object[] description) =>
        description is ["storage", TensorType type, string key, string, long elements]
        && key.Length is > 0 and <= 10 && key.All(char.IsAsciiDigit) && elements is >= 0 and <= PtLimits.Elements
            ? new PickleStorage(key, type, elements)
            : throw new PtFormatException(
                "The pickle describes a storage in a way that torch.save never does: refused.");

    /// <summary>
    /// Module.state_dict() attaches the modules' versions to its OrderedDict as attributes. They are not used.
    /// </summary>
    private void DropMetadata()
    {
        Pop<PickleDict>("a dict of attributes");
        Top<PickleDict>("a dict");
    }

    private void SetItems(object[] items)
    {
        PickleDict dict = Top<PickleDict>("a dict");
        if (items.Length % 2 != 0)
            throw new PtFormatException("The pickle sets a key without a value: the file is damaged.");
        for (int i = 0; i < items.Length; i += 2)
        {
            if (items[i] is not string key)
                throw new PtFormatException("The pickle has a dict whose keys are not text: not a state dict.");
            if (!dict.TryAdd(key, items[i + 1]))
                throw new PtFormatException($"The pickle sets the key {PtText.Quote(key)} twice.");
        }
    }

    private string ReadText()
    {
        uint length = _code.UInt32();
        if (length > PtLimits.NameBytes)
            throw new PtFormatException(
                $"The pickle has a text of {length} bytes; at most {PtLimits.NameBytes} are allowed.");
        return PtText.Decode(_code.Take((int)length), "A text in the pickle");
    }

    /// <summary>A little-endian two's complement number of up to 8 bytes.</summary>
    private long ReadLong()
    {
        int length = _code.Byte();
        if (length > sizeof(long))
            throw new PtFormatException($"The pickle has a number of {length} bytes; at most 8 are allowed.");
        ReadOnlySpan<byte> digits = _code.Take(length);
        bool negative = length > 0 && (sbyte)digits[^1] < 0;
        Span<byte> wide = stackalloc byte[sizeof(long)];
        wide.Fill(negative ? byte.MaxValue : (byte)0);
        digits.CopyTo(wide);
        return BinaryPrimitives.ReadInt64LittleEndian(wide);
    }

    private static ImmutableArray<long> ToNumbers(object[] tuple)
    {
        if (tuple.Length > PtLimits.Dimensions)
            throw new PtFormatException(
                $"The pickle has a tensor of {tuple.Length} dimensions; at most {PtLimits.Dimensions} are allowed.");
        return [.. tuple.Select(value => value is long number
            ? number
            : throw new PtFormatException("The pickle has a shape or stride that is not a number."))];
    }

    private void Remember(uint slot)
    {
        _memo[slot] = Top<object>("a value");
        if (_memo.Count > PtLimits.PickleMemo)
            throw new PtFormatException($"The pickle stores more than the {PtLimits.PickleMemo} values allowed.");
    }

    private object Recall(uint slot) =>
        _memo.TryGetValue(slot, out object? value)
            ? value
            : throw new PtFormatException(
                $"The pickle recalls value {slot}, which it never stored: the file is damaged.");

    private void PushMark()
    {
        if (_marks.Count == PtLimits.PickleMarks)
            throw new PtFormatException($"The pickle nests deeper than {PtLimits.PickleMarks} levels.");
        _marks.Add(_stack.Count);
    }

    private void Push(object value)
    {
        if (_stack.Count == PtLimits.PickleStack || ++_pushed > PtLimits.PickleValues)
            throw new PtFormatException("The pickle has more values than the largest state dict allowed.");
        _stack.Add(value);
    }

    /// <summary>The value on top, above the last mark.</summary>
    private T Top<T>(string expected)
    {
        int floor = _marks.Count == 0 ? 0 : _marks[^1];
        return _stack.Count > floor && _stack[^1] is T value
            ? value
            : throw new PtFormatException(
                $"The pickle lacks {expected} where it needs one: it is damaged, or not a state dict.");
    }

    private T Pop<T>(string expected)
    {
        T value = Top<T>(expected);
        _stack.RemoveAt(_stack.Count - 1);
        return value;
    }

    private object[] PopToMark()
    {
        if (_marks.Count == 0)
            throw new PtFormatException("The pickle closes a group that it never opened: the file is damaged.");
        int start = _marks[^1];
        _marks.RemoveAt(_marks.Count - 1);
        return PopFrom(start);
    }

    private object[] PopLast(int count)
    {
        int floor = _marks.Count == 0 ? 0 : _marks[^1];
        if (_stack.Count - floor < count)
            throw new PtFormatException("The pickle takes more values than it has: the file is damaged.");
        return PopFrom(_stack.Count - count);
    }

    private object[] PopFrom(int start)
    {
        object[] values = new object[_stack.Count - start];
        _stack.CopyTo(start, values, 0, values.Length);
        _stack.RemoveRange(start, values.Length);
        return values;
    }
}
