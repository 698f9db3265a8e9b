using System.Security.Cryptography;
using Quorate.Coordinator.Aggregation;
using Quorate.Rounds;
using Quorate.Unit.Pt;

namespace Quorate.Unit.Aggregation;

public sealed class HashedFileTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly string _path;

    public HashedFileTests() => _path = _folder.File("draft");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_name_is_the_hash_of_the_bytes_in_the_file()
    {
        byte[] bytes = new byte[300_001];
        new Random(7).NextBytes(bytes);
        using (var file = new HashedFile(_path))
        {
            file.Write(bytes.AsSpan(0, 1));
            file.Write(bytes, 1, 262_144);
            file.Write(bytes.AsSpan(262_145));
            Assert.Equal(bytes.Length, file.Length);
            Assert.Equal(BlobHash.FromBytes(SHA256.HashData(bytes)), file.Hash());
        }
        Assert.Equal(bytes, File.ReadAllBytes(_path));
    }

    [Fact]
    public void A_file_that_is_there_already_stays_as_it_is()
    {
        File.WriteAllText(_path, "another draft");
        Assert.Throws<IOException>(() => new HashedFile(_path));
        Assert.Equal("another draft", File.ReadAllText(_path));
    }
}
