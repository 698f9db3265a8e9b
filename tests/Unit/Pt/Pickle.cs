using System.IO.Compression;
using System.Text;

namespace Quorate.Unit.Pt;

/// <summary>
/// Builds pickles and archives by hand, with the library's zip writer. A pickle is a string with one character per
/// byte, so opcodes are readable: <c>"}" + Text("a") + "Ns."</c>.
/// </summary>
internal static class Pickle
{
    public const string Protocol = "\u0080\u0002";
    public const string OrderedDict = "ccollections\nOrderedDict\n)R";

    public static string Text(string text) => "X" + LittleEndian(text.Length, 4) + text;

    public static string Number(long number) => "\u008a\u0008" + LittleEndian(number, 8);

    public static string Tuple(params long[] numbers) => "(" + string.Concat(numbers.Select(Number)) + "t";

    public static string Storage(string key = "0", long elements = 4, string type = "FloatStorage") =>
        "(" + Text("storage") + $"ctorch\n{type}\n" + Text(key) + Text("cpu") + Number(elements) + "tQ";

    public static string Tensor(string storage, long offset, string shape, string strides) =>
        "ctorch._utils\n_rebuild_tensor_v2\n("
        + storage + Number(offset) + shape + strides + "\u0089" + OrderedDict + "tR";

    /// <summary>A dict with one tensor 'w' of that description.</summary>
    public static string DictOf(string tensor) => Protocol + "}" + Text("w") + tensor + "s.";

    /// <summary>An archive with one tensor of this many bytes under each of these names.</summary>
    public static byte[] Tied(int bytes, params IEnumerable<string> names)
    {
        // The first value is stored as number 0 and recalled for each further name.
        string tensor = Tensor(Storage(elements: bytes, type: "ByteStorage"), 0, Tuple(bytes), Tuple(1)) + "q\0";
        string items = string.Concat(names.Select((name, i) => Text(name) + (i == 0 ? tensor : "h\0") + "s"));
        return Archive(
            [.. Records(Bytes(Protocol + "}" + items + "."))[..2], ("a/data/0", new byte[bytes])]);
    }

    public static string LittleEndian(long number, int bytes) =>
        string.Concat(BitConverter.GetBytes(number).Take(bytes).Select(value => (char)value));

    public static byte[] Bytes(string pickle) => Encoding.Latin1.GetBytes(pickle);

    /// <summary>An intact archive with this pickle and a storage '0' of 16 bytes.</summary>
    public static byte[] Archive(string pickle) => Archive(Records(Bytes(pickle)));

    public static (string Name, byte[] Content)[] Records(byte[] pickle) =>
        [("a/data.pkl", pickle), ("a/version", "3\n"u8.ToArray()), ("a/data/0", new byte[16])];

    public static byte[] Archive(
        IEnumerable<(string Name, byte[] Content)> entries, CompressionLevel level = CompressionLevel.NoCompression)
    {
        var output = new MemoryStream();
        using (var zip = new ZipArchive(output, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] content) in entries)
            {
                using Stream entry = zip.CreateEntry(name, level).Open();
                entry.Write(content);
            }
        }

        return output.ToArray();
    }
}
