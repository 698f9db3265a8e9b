using System.Runtime.CompilerServices;
using Quorate.Coordinator.Driving;

namespace Quorate.Unit.Driving;

public sealed class TrimmingTests
{
    [Fact]
    public void Garbage_that_grew_old_is_collected()
    {
        var old = Aged();
        Trimming.Collect(smallHeapBytes: long.MaxValue);
        Assert.False(old.IsAlive);
    }

    [Fact]
    public void A_large_heap_is_left_to_the_runtime()
    {
        int before = GC.CollectionCount(GC.MaxGeneration);
        Trimming.Collect(smallHeapBytes: 0);
        // Another test's own collection may fall between the two: not often, and not every time.
        for (int tries = 0; tries < 100 && GC.CollectionCount(GC.MaxGeneration) != before; tries++)
        {
            before = GC.CollectionCount(GC.MaxGeneration);
            Trimming.Collect(smallHeapBytes: 0);
        }
        Assert.Equal(before, GC.CollectionCount(GC.MaxGeneration));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference Aged()
    {
        object garbage = new byte[100];
        for (int i = 0; i < GC.MaxGeneration; i++) GC.Collect();
        Assert.Equal(GC.MaxGeneration, GC.GetGeneration(garbage));
        return new WeakReference(garbage);
    }
}
