using System.Security.Cryptography;
using Quorate.Pt;
using Quorate.Rounds;
using Quorate.Shared.Transfer;
using Quorate.Unit.Pt;

namespace Quorate.Unit.Transfer;

public sealed class HashedFileStreamTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly string _path;

    public HashedFileStreamTests() => _path = _folder.File("draft");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_name_is_the_hash_of_the_bytes_in_the_file()
    {
        byte[] bytes = new byte[300_001];
        new Random(7).NextBytes(bytes);
        using (var file = HashedFileStream.Create(_path))
        {
            file.Write(bytes.AsSpan(0, 1));
            file.Write(bytes, 1, 262_144);
            file.Write(bytes.AsSpan(262_145));
            Assert.Equal(bytes.Length, file.Length);
            Assert.Equal(BlobHash.FromBytes(SHA256.HashData(bytes)), file.Hash);
        }
        Assert.Equal(bytes, File.ReadAllBytes(_path));
    }

    [Fact]
    public void An_existing_file_is_not_changed()
    {
        File.WriteAllText(_path, "another draft");
        Assert.Throws<IOException>(() => HashedFileStream.Create(_path));
        Assert.Equal("another draft", File.ReadAllText(_path));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2_999)]
    [InlineData(3_000)]
    [InlineData(100_000)]
    public void An_overwritten_file_has_only_the_new_bytes(int old)
    {
        byte[] bytes = new byte[3_000];
        new Random(8).NextBytes(bytes);
        File.WriteAllBytes(_path, new byte[old]);
        using (var file = HashedFileStream.Over(_path))
        {
            file.Write(bytes);
            file.Complete();
            Assert.Equal(BlobHash.Of(bytes), file.Hash);
            Assert.Equal(bytes.Length, file.Length);
        }
        Assert.Equal(bytes, File.ReadAllBytes(_path));
    }

    /// <summary>
    /// In the simulation a killed trainer's files stay open, and its successor once could not write an update.
    /// </summary>
    [Fact]
    public void A_file_that_is_still_being_read_is_overwritten()
    {
        File.WriteAllText(_path, "an old update");
        using var reader = File.OpenHandle(_path);
        using var file = HashedFileStream.Over(_path);
        file.Write("new"u8);
        file.Complete();
        Assert.Equal("new", File.ReadAllText(_path));
    }

    [Fact]
    public void Threads_that_write_a_model_take_no_buffers_of_their_own()
    {
        const int Threads = 50, BlockBytes = 256 << 10;
        byte[] block = new byte[BlockBytes];
        var schema = new[] { PtFixtures.Info("w", TensorType.Float32, BlockBytes / sizeof(float)) };
        long allocated = 0;
        for (int i = 0; i < Threads; i++)
        {
            var thread = new Thread(() =>
            {
                using (var file = HashedFileStream.Create(_path))
                using (var writer = new PtWriter(file, schema))
                {
                    writer.Write(block);
                    writer.Complete();
                }
                allocated += GC.GetAllocatedBytesForCurrentThread();
            });
            thread.Start();
            thread.Join();
            File.Delete(_path);
        }

        // Other tests write files at the same time and may hold the pool's buffers of 64 KiB.
        Assert.InRange(allocated, 0, Threads * (BlockBytes / 8));
    }
}
