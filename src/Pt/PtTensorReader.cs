namespace Quorate.Pt;

/// <summary>
/// Reads one tensor's bytes in order and verifies the CRC-32 of its storage at the same time: one pass over the file
/// instead of two.
/// </summary>
public sealed class PtTensorReader
{
    private readonly PtFile _file;
    private readonly PtTensor _tensor;
    private readonly WideCrc32? _crc;
    private long _position;

    /// <exception cref="PtFormatException">The tensor is a view into a larger storage, and that storage is
    /// damaged. It is verified once, before the first read.</exception>
    public PtTensorReader(PtFile file, PtTensor tensor)
    {
        (_file, _tensor) = (file, tensor);
        if (tensor.CoversStorage) _crc = new WideCrc32();
        else file.VerifyShown(tensor.Storage);
    }

    /// <summary>Fills <paramref name="destination"/> with the next bytes (little-endian elements).</summary>
    /// <exception cref="ArgumentOutOfRangeException">Fewer bytes are left.</exception>
    /// <exception cref="PtFormatException">These were the tensor's last bytes and its storage is damaged, so all bytes
    /// read before are invalid too.</exception>
    public void Read(Span<byte> destination)
    {
        _file.Read(_tensor, _position, destination);
        _position += destination.Length;
        if (_crc is null) return;
        _crc.Append(destination);
        if (_position == _tensor.Info.Bytes) PtFile.CheckCrc(_tensor.Storage, _crc.Current);
    }
}
