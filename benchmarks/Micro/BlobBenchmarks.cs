using System.Buffers.Binary;
using System.Security.Cryptography;
using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Logging.Abstractions;
using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Disk;
using Quorate.Rounds;
using Quorate.Shared.Transfer;

namespace Quorate.Benchmarks.Micro;

/// <summary>A node's store: a blob received part by part and made durable, and a blob opened and read.</summary>
/// <inheritdoc cref="AveragingBenchmarks" path="/remarks"/>
public class BlobBenchmarks
{
    private readonly string _folder = Directory.CreateTempSubdirectory("quorate-micro-").FullName;
    private readonly byte[] _block = new byte[Part.BytesUsual];
    private byte[] _content = [];
    private readonly Lazy<BlobStore> _store;
    private BlobHash _held;

    public BlobBenchmarks() => _store = new Lazy<BlobStore>(() => new BlobStore(
        new BlobStoreOptions { Root = _folder }, new RealDisk(), TimeProvider.System, NullLogger<BlobStore>.Instance));

    [Params(31_400, 4_800_000)]
    public int Bytes { get; set; }

    [GlobalSetup]
    public async Task Fill()
    {
        _content = RandomNumberGenerator.GetBytes(Bytes);
        await Put();
        _held = BlobHash.Of(_content);
    }

    [GlobalCleanup]
    public void Delete()
    {
        _store.Value.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Another blob at each call; its name is hashed here, too. It is deleted again.</summary>
    [Benchmark]
    public async Task Put()
    {
        long count = BinaryPrimitives.ReadInt64LittleEndian(_content);
        BinaryPrimitives.WriteInt64LittleEndian(_content, count + 1);
        var hash = BlobHash.Of(_content);
        using (var writer = await _store.Value.BeginAsync(hash, Bytes, CancellationToken.None))
        {
            for (int at = 0; at < Bytes; at += Part.BytesUsual)
                writer!.Append(_content.AsSpan(at, Math.Min(Part.BytesUsual, Bytes - at)));
            if (!await writer!.CompleteAsync()) throw new InvalidOperationException("The hash was right.");
        }
        if (_held != default) File.Delete(_store.Value.PathOf(hash));
    }

    [Benchmark]
    public async Task<long> Get()
    {
        using var file = await _store.Value.OpenAsync(_held, CancellationToken.None)
            ?? throw new InvalidOperationException("The blob is held.");
        long at = 0;
        for (int count; (count = RandomAccess.Read(file, _block, at)) > 0;) at += count;
        return at;
    }
}
