using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Quorate.Shared.Text;

namespace Quorate.Trainer.Data;

/// <summary>
/// An IDX file of unsigned bytes (http://yann.lecun.com/exdb/mnist), plain or gzipped, read item by item from start to
/// end: big-endian, two zero bytes, the element type (8: unsigned byte), the number of dimensions, each dimension's
/// size, then the items.
/// </summary>
internal sealed class IdxFile : IDisposable
{
    /// <summary>More items than this count as damage.</summary>
    public const int ItemsMax = 10_000_000;

    private readonly Stream _stream;
    private readonly string _path;

    private IdxFile(Stream stream, string path, int[] itemShape)
    {
        _stream = stream;
        _path = path;
        Span<byte> header = stackalloc byte[8 + (4 * itemShape.Length)];
        Read(header, "its header");
        int magic = BinaryPrimitives.ReadInt32BigEndian(header);
        int expected = 0x0800 + 1 + itemShape.Length;
        if (magic != expected)
            throw Damaged($"it starts with 0x{magic:x8} instead of 0x{expected:x8}");
        Items = BinaryPrimitives.ReadInt32BigEndian(header[4..]);
        if (Items is < 1 or > ItemsMax)
            throw Damaged($"it claims {PlainText.Count(Items, "item")} instead of 1 to {ItemsMax}");
        for (int i = 0; i < itemShape.Length; i++)
        {
            int size = BinaryPrimitives.ReadInt32BigEndian(header[(8 + (4 * i))..]);
            if (size != itemShape[i])
                throw Damaged($"its items are {size} in size where {itemShape[i]} is expected");
        }
    }

    public int Items { get; }

    /// <param name="folder">The data set's folder.</param>
    /// <param name="name">The file, without .gz; the plain file is taken where both are there.</param>
    /// <param name="itemShape">What the size of each item must be.</param>
    /// <exception cref="TrainerException">The file is missing, cannot be read, or has another header.</exception>
    public static IdxFile Open(string folder, string name, params int[] itemShape)
    {
        string plain = Path.Combine(folder, name);
        string path = new[] { plain, plain + ".gz" }.FirstOrDefault(File.Exists) ?? throw new TrainerException(
            $"{plain}.gz is missing: put the data set there, or name its folder with --data or, in the run file, "
            + "training.data.path.") { IsAboutData = true };
        Stream? stream = null;
        try
        {
            stream = File.OpenRead(path);
            stream = new BufferedStream(
                IsGzip(stream, path) ? new GZipStream(stream, CompressionMode.Decompress) : stream, 1 << 16);
            return new IdxFile(stream, path, itemShape);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TrainerException($"{path} cannot be read: {e.Message}", e) { IsAboutData = true };
        }
        catch (TrainerException)
        {
            stream?.Dispose();
            throw;
        }
    }

    /// <summary>Fills <paramref name="item"/> with the next item.</summary>
    /// <exception cref="TrainerException">The file ends before, or is damaged.</exception>
    public void ReadItem(Span<byte> item) => Read(item, PlainText.Count(Items, "item"));

    /// <exception cref="TrainerException">There are more bytes, or the checksum is wrong.</exception>
    public void ExpectEnd()
    {
        Span<byte> more = stackalloc byte[1];
        if (ReadSome(more) != 0)
            throw Damaged($"it has more bytes after {PlainText.Count(Items, "item")}");
    }

    public TrainerException Damaged(string how) =>
        new($"{_path} is damaged: {how}; fetch it again.") { IsAboutData = true };

    public void Dispose() => _stream.Dispose();

    /// <summary>
    /// The first bytes say what a file is, not its name: browsers and proxies unpack a .gz file and keep its name.
    /// </summary>
    /// <exception cref="TrainerException">It is called .gz and is neither gzip nor IDX.</exception>
    private static bool IsGzip(Stream file, string path)
    {
        Span<byte> head = stackalloc byte[9];
        head = head[..file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)];
        file.Position = 0;
        if (head.StartsWith((ReadOnlySpan<byte>)[0x1f, 0x8b])) return true;
        bool isIdx = head.StartsWith((ReadOnlySpan<byte>)[0, 0]);
        if (isIdx || !path.EndsWith(".gz", StringComparison.Ordinal)) return false;
        string what = head.IsEmpty ? "is empty" : $"is not a gzip file (it begins with '{Shown(head)}')";
        throw new TrainerException($"{path} {what}: fetch it again.") { IsAboutData = true };
    }

    /// <summary>A file's first bytes as text, up to the first that is no printable ASCII; as hex if that is the first.
    /// </summary>
    private static string Shown(ReadOnlySpan<byte> head)
    {
        int text = head.IndexOfAnyExceptInRange((byte)' ', (byte)'~');
        if (text == 0) return $"0x{Convert.ToHexStringLower(head)}";
        return Encoding.ASCII.GetString(text < 0 ? head : head[..text]);
    }

    private void Read(Span<byte> bytes, string what)
    {
        while (!bytes.IsEmpty)
        {
            int count = ReadSome(bytes);
            if (count == 0)
                throw Damaged($"it ends within {what}");
            bytes = bytes[count..];
        }
    }

    private int ReadSome(Span<byte> bytes)
    {
        try
        {
            return _stream.Read(bytes);
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            throw new TrainerException($"{_path} cannot be read: {e.Message}", e) { IsAboutData = true };
        }
    }
}
