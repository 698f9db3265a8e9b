using Quorate.Coordinator.Disk;

namespace Quorate.Unit.Consensus;

public sealed class DataDirectoryTests : IDisposable
{
    private readonly TemporaryDirectory _root = new();

    private string Data => Path.Combine(_root.Path, "a", "data");

    [Fact]
    public void A_new_directory_is_fresh_until_it_settles()
    {
        using (var first = DataDirectory.Open(Data, 1)) Assert.True(first.Fresh);
        using (var second = DataDirectory.Open(Data, 1))
        {
            Assert.True(second.Fresh);
            second.Settle();
            Assert.False(second.Fresh);
        }
        using var third = DataDirectory.Open(Data, 1);
        Assert.False(third.Fresh);
    }

    [Fact]
    public void Another_nodes_directory_is_refused()
    {
        DataDirectory.Open(Data, 1).Dispose();
        var refusal = Assert.Throws<DataDirectoryException>(() => DataDirectory.Open(Data, 2));
        Assert.Contains("belongs to node 1, not to node 2", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_held_directory_is_refused_and_free_again_afterwards()
    {
        using (DataDirectory.Open(Data, 1))
        {
            var refusal = Assert.Throws<DataDirectoryException>(() => DataDirectory.Open(Data, 1));
            Assert.Contains("in use by another process", refusal.Message, StringComparison.Ordinal);
        }
        DataDirectory.Open(Data, 1).Dispose();
    }

    [Fact]
    public void A_directory_that_holds_other_things_is_never_claimed()
    {
        Directory.CreateDirectory(Data);
        File.WriteAllText(Path.Combine(Data, "thesis.txt"), "");
        Assert.Throws<DataDirectoryException>(() => DataDirectory.Open(Data, 1));
        Assert.False(File.Exists(Path.Combine(Data, "node-id")));
    }

    /// <summary>Earlier builds wrote an identity after the number.</summary>
    [Theory]
    [InlineData("1\n", true)]
    [InlineData("1 0123456789abcdef0123456789abcdef\n", true)]
    [InlineData("", false)]
    [InlineData("node 1\n", false)]
    public void A_directory_says_whose_it_is_or_that_it_is_damaged(string says, bool whole)
    {
        Directory.CreateDirectory(Data);
        File.WriteAllText(Path.Combine(Data, "node-id"), says);
        if (whole)
        {
            using var opened = DataDirectory.Open(Data, 1);
            return;
        }
        var refusal = Assert.Throws<DataDirectoryException>(() => DataDirectory.Open(Data, 1));
        Assert.Contains("damaged", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_path_that_cannot_be_a_directory_is_refused()
    {
        string file = Path.Combine(_root.Path, "file");
        File.WriteAllText(file, "");
        var refusal = Assert.Throws<DataDirectoryException>(() => DataDirectory.Open(Path.Combine(file, "data"), 1));
        Assert.Contains("cannot be written", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_start_that_was_cut_off_between_its_files_is_finished_by_the_next()
    {
        Directory.CreateDirectory(Data);
        File.WriteAllText(Path.Combine(Data, "fresh"), "");
        File.WriteAllText(Path.Combine(Data, "node-id.new"), "1 ");
        using var opened = DataDirectory.Open(Data, 1);
        Assert.True(opened.Fresh);
    }

    public void Dispose() => _root.Dispose();
}
