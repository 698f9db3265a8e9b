using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Quorate.Rounds;

namespace Quorate.Shared.Transfer;

/// <summary>The name of a file's content.</summary>
public static class FileHash
{
    /// <summary>
    /// Reads the whole file, a part at a time: the framework's own hash of a stream asks the kernel for each 4 KiB.
    /// </summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static BlobHash Of(SafeFileHandle file)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var buffer = Part.Rent(Part.BytesUsual);
        int count;
        for (long at = 0; (count = RandomAccess.Read(file, buffer.Room.Span, at)) > 0; at += count)
            sha.AppendData(buffer.Room.Span[..count]);
        return BlobHash.FromBytes(sha.GetHashAndReset());
    }
}
