using System.Runtime.InteropServices;
using Quorate.Shared.Processes;

namespace Quorate.Unit.Processes;

public sealed partial class NativeHeapTests
{
    private const int Pieces = 16_384, PieceBytes = 4096; // 64 MB together; larger ones would be mappings of their own

    [Fact]
    public unsafe void Freed_memory_between_pieces_in_use_goes_back_to_the_kernel()
    {
        if (!OperatingSystem.IsLinux()) return;
        nint[] pieces = new nint[Pieces];
        for (int i = 0; i < Pieces; i++)
        {
            pieces[i] = (nint)NativeMemory.Alloc(PieceBytes);
            NativeMemory.Fill((void*)pieces[i], PieceBytes, 1);
        }
        // One in 64 stays, so that almost nothing is free at the end of the heap.
        for (int i = 0; i < Pieces; i++)
            if (i % 64 != 63) NativeMemory.Free((void*)pieces[i]);
        Assert.Equal(Pieces, pieces.Count(IsInMemory));

        NativeHeap.Trim();

        int left = pieces.Count(IsInMemory);
        for (int i = 63; i < Pieces; i += 64) NativeMemory.Free((void*)pieces[i]);
        Assert.InRange(left, Pieces / 64, Pieces / 16);
    }

    /// <summary>Of the page where it begins.</summary>
    private static bool IsInMemory(nint piece)
    {
        byte page = 0;
        Assert.Equal(0, InCore(piece / Environment.SystemPageSize * Environment.SystemPageSize, 1, ref page));
        return (page & 1) != 0;
    }

    [LibraryImport("libc", EntryPoint = "mincore")]
    private static partial int InCore(nint address, nuint length, ref byte pages);
}
