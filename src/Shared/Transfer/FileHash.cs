using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Quorate.Rounds;

namespace Quorate.Shared.Transfer;

/// <summary>Hashes files, a part at a time: the framework's own hash of a stream reads 4 KiB per kernel call.</summary>
public static class FileHash
{
    /// <summary>The name of a file's content.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static BlobHash Of(SafeFileHandle file)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(sha, file);
        return BlobHash.FromBytes(sha.GetHashAndReset());
    }

    /// <summary>Adds a file's bytes to a hash, so that a transfer resumes behind them. Returns their number.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static long Append(IncrementalHash sha, SafeFileHandle file)
    {
        using var buffer = Part.Rent(Part.BytesUsual);
        long at = 0, length = RandomAccess.GetLength(file);
        for (int count; at < length && (count = RandomAccess.Read(file, buffer.Room.Span, at)) > 0; at += count)
            sha.AppendData(buffer.Room.Span[..count]);
        return at;
    }
}
