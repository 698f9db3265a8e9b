using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Quorate.Pt;

/// <summary>
/// A PyTorch file (<c>torch.save(model.state_dict(), path)</c>) opened for reading. Opening reads the archive's
/// directory and the pickle and checks every bound; the tensors' bytes stay in the file. Files are read, never mapped,
/// because truncating a mapped file kills the process. Several threads may read at the same time.
/// </summary>
/// <remarks><see cref="ZipDirectory"/> and <see cref="Unpickler"/> say what is accepted and refused. PyTorch ignores
/// wrong checksums; <see cref="VerifyStorages"/> does not.</remarks>
public sealed class PtFile : IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly ImmutableArray<ZipEntry> _storages;
    private readonly Dictionary<string, PtTensor> _byName;
    private readonly HashSet<ZipEntry> _shown = [];

    private PtFile(SafeFileHandle file)
    {
        _file = file;
        Dictionary<string, ZipEntry> entries = ZipDirectory.Read(file);
        string top = TopDirectory(entries);
        CheckRecords(entries, top);
        byte[] pickle = ReadRecord(Find(entries, $"{top}/data.pkl"), PtLimits.PickleBytes);

        Tensors = [.. Unpickler.ReadStateDict(pickle).Select(item =>
            PtTensor.Create(item.Name, item.Tensor, Find(entries, $"{top}/data/{item.Tensor.Storage.Key}")))];
        Schema = [.. Tensors.Select(tensor => tensor.Info)];
        _byName = Tensors.ToDictionary(tensor => tensor.Info.Name, StringComparer.Ordinal);
        _storages = [.. entries.Values.OrderBy(entry => entry.Start)];
    }

    /// <summary>The tensors in the order of the state dict, without duplicate names.</summary>
    public IReadOnlyList<PtTensor> Tensors { get; }

    /// <summary>Name, type and shape of each tensor, in the same order.</summary>
    public IReadOnlyList<TensorInfo> Schema { get; }

    /// <summary>Bytes of the whole file.</summary>
    public long Length => RandomAccess.GetLength(_file);

    /// <exception cref="PtFormatException">The file is not a .pt file that is read here.</exception>
    /// <exception cref="IOException">The file cannot be opened or read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public static PtFile Open(string path)
    {
        SafeFileHandle handle = File.OpenHandle(path);
        try
        {
            return new PtFile(handle);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>The tensor of that name, or null if there is none.</summary>
    public PtTensor? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>
    /// Fills <paramref name="destination"/> with the tensor's bytes (little-endian elements) from
    /// <paramref name="byteOffset"/> on.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The range is not inside the tensor.</exception>
    /// <exception cref="PtFormatException">The file was cut since it was opened.</exception>
    public void Read(PtTensor tensor, long byteOffset, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byteOffset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(byteOffset, tensor.Info.Bytes - destination.Length);
        if (tensor.IsContiguous) FileBytes.Read(_file, tensor.FileOffset + byteOffset, destination);
        else StridedRead.Read(_file, tensor, byteOffset, destination);
    }

    /// <summary>Reads the archive's whole content and checks every entry's CRC-32 against the directory.</summary>
    /// <exception cref="PtFormatException">An entry's content was changed after it was saved.</exception>
    public void VerifyStorages()
    {
        foreach (ZipEntry entry in _storages) Verify(entry);
    }

    /// <summary>
    /// The floating tensors that contain NaN or an infinity. Verifies every entry at the same time, as <see
    /// cref="VerifyStorages"/> does: one pass over the file instead of two.
    /// </summary>
    /// <remarks>Reads what the tensors show, which a small file can make huge: check the schema first.</remarks>
    /// <exception cref="PtFormatException">An entry's content was changed after it was saved.</exception>
    /// <exception cref="OperationCanceledException">Between two blocks.</exception>
    public IReadOnlyList<PtTensor> FindNonFinite(CancellationToken token = default)
    {
        byte[] buffer = FileBlocks.Pool.Rent(FileBlocks.BytesMax);
        try
        {
            var found = new List<PtTensor>();
            var unread = new HashSet<ZipEntry>(_storages);
            // Read to the end in any case: what looks like NaN may be damage, and damage is the better message.
            foreach (PtTensor tensor in Tensors.Where(tensor => tensor.Info.Type.IsFloating()))
            {
                var crc = tensor.CoversStorage && unread.Remove(tensor.Storage) ? new WideCrc32() : null;
                if (!IsFinite(tensor, buffer, crc, token)) found.Add(tensor);
                if (crc is not null) CheckCrc(tensor.Storage, crc.Current);
            }

            foreach (ZipEntry entry in unread) Verify(entry, token);
            return found;
        }
        finally
        {
            FileBlocks.Pool.Return(buffer);
        }
    }

    public void Dispose() => _file.Dispose();

    /// <summary>
    /// Verifies a storage that tensors are views into, only once per file. Otherwise a large storage with a hundred
    /// small views would be read a hundred times.
    /// </summary>
    internal void VerifyShown(ZipEntry storage)
    {
        lock (_shown)
        {
            if (_shown.Contains(storage)) return;
            Verify(storage);
            _shown.Add(storage);
        }
    }

    internal void Verify(ZipEntry entry, CancellationToken token = default)
    {
        byte[] buffer = FileBlocks.Pool.Rent(FileBlocks.BytesMax);
        try
        {
            var crc = new WideCrc32();
            for (long done = 0; done < entry.Length;)
            {
                token.ThrowIfCancellationRequested();
                Span<byte> block = buffer.AsSpan(0, (int)Math.Min(FileBlocks.BytesMax, entry.Length - done));
                FileBytes.Read(_file, entry.DataStart + done, block);
                crc.Append(block);
                done += block.Length;
            }

            CheckCrc(entry, crc.Current);
        }
        finally
        {
            FileBlocks.Pool.Return(buffer);
        }
    }

    /// <exception cref="PtFormatException">The checksums differ.</exception>
    internal static void CheckCrc(ZipEntry entry, uint actual)
    {
        if (actual != entry.Crc)
            throw new PtFormatException(
                $"The entry {PtText.Quote(entry.Name)} has CRC-32 {actual:x8}, but {entry.Crc:x8} was saved: "
                + "its content is damaged; send the file again.");
    }

    private bool IsFinite(PtTensor tensor, byte[] buffer, WideCrc32? crc, CancellationToken token)
    {
        bool finite = true;
        for (long done = 0; done < tensor.Info.Bytes;)
        {
            token.ThrowIfCancellationRequested();
            Span<byte> block = buffer.AsSpan(0, (int)Math.Min(FileBlocks.BytesMax, tensor.Info.Bytes - done));
            Read(tensor, done, block);
            crc?.Append(block);
            finite = finite && tensor.Info.Type switch
            {
                TensorType.Float64 => Finite.All(MemoryMarshal.Cast<byte, ulong>(block), 0x7FF0_0000_0000_0000ul),
                TensorType.Float32 => Finite.All(MemoryMarshal.Cast<byte, uint>(block), 0x7F80_0000u),
                TensorType.BFloat16 => Finite.All(MemoryMarshal.Cast<byte, ushort>(block), (ushort)0x7F80),
                _ => Finite.All(MemoryMarshal.Cast<byte, ushort>(block), (ushort)0x7C00),
            };
            done += block.Length;
        }

        return finite;
    }

    /// <summary>PyTorch puts all entries under one directory of any name.</summary>
    private static string TopDirectory(Dictionary<string, ZipEntry> entries)
    {
        const string Pickle = "/data.pkl";
        string pickle = entries.Keys.FirstOrDefault(name => name.EndsWith(Pickle, StringComparison.Ordinal)) ?? Pickle;
        string top = pickle[..pickle.IndexOf('/', StringComparison.Ordinal)];
        if (top.Length == 0 || entries.Keys.Any(name => !name.StartsWith($"{top}/", StringComparison.Ordinal)))
            throw new PtFormatException(
                "The archive is not laid out as torch.save does: one directory with a data.pkl in it.");
        return top;
    }

    private void CheckRecords(Dictionary<string, ZipEntry> entries, string top)
    {
        // PyTorch's reader takes archive versions 1 to 10 (caffe2/serialize/versions.h) and writes 3.
        string version = ReadWord(Find(entries, $"{top}/version"));
        if (!int.TryParse(version, out int number) || number is < 1 or > 10)
            throw new PtFormatException(
                $"The archive has the format version {PtText.Quote(version)}; 1 to 10 are read.");
        if (entries.TryGetValue($"{top}/byteorder", out ZipEntry? order)
            && ReadWord(order) is var word and not "little")
            throw new PtFormatException(
                $"The file's byte order is {PtText.Quote(word)}; only little-endian files are read.");
    }

    private static ZipEntry Find(Dictionary<string, ZipEntry> entries, string name) =>
        entries.TryGetValue(name, out ZipEntry? entry)
            ? entry
            : throw new PtFormatException(
                $"The archive lacks the entry {PtText.Quote(name)}: it is incomplete or damaged.");

    private string ReadWord(ZipEntry entry) =>
        PtText.Decode(ReadRecord(entry, PtLimits.WordBytes), $"The entry {PtText.Quote(entry.Name)}").Trim();

    private byte[] ReadRecord(ZipEntry entry, int limit)
    {
        if (entry.Length > limit)
            throw new PtFormatException(
                $"The entry {PtText.Quote(entry.Name)} has {entry.Length} bytes; at most {limit} are allowed.");
        byte[] bytes = new byte[entry.Length];
        FileBytes.Read(_file, entry.DataStart, bytes);
        CheckCrc(entry, WideCrc32.Of(bytes));
        return bytes;
    }
}

/// <summary>
/// The file is not a .pt file that is read here. The message is one sentence that says what is wrong, where, and how to
/// fix it if possible. The only exception that <see cref="PtFile"/> throws because of a file's content.
/// </summary>
public sealed class PtFormatException(string sentence) : Exception(sentence);
