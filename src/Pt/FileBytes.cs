using Microsoft.Win32.SafeHandles;

namespace Quorate.Pt;

/// <summary>Positioned reads that fill what they are given, or say that the file is cut.</summary>
internal static class FileBytes
{
    /// <exception cref="PtFormatException">The file ends before <paramref name="destination"/> is full.</exception>
    public static void Read(SafeFileHandle file, long offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int count = RandomAccess.Read(file, destination, offset);
            if (count == 0)
                throw new PtFormatException(
                    $"The file ends at byte {offset}, earlier than its directory says: it is cut off.");
            destination = destination[count..];
            offset += count;
        }
    }

    public static ByteCursor Cursor(
        SafeFileHandle file, long offset, int length, string what, string? entry = null)
    {
        byte[] bytes = new byte[length];
        Read(file, offset, bytes);
        return new ByteCursor(bytes, what, entry);
    }
}
