using System.IO.Hashing;
using System.Security.Cryptography;
using BenchmarkDotNet.Attributes;
using Quorate.Pt;
using Quorate.Shared.Transfer;

namespace Quorate.Benchmarks.Micro;

/// <summary>What every byte goes through on its way: the check sum of its part, and its blob's hash.</summary>
/// <inheritdoc cref="AveragingBenchmarks" path="/remarks"/>
public class ByteBenchmarks
{
    private readonly byte[] _part = RandomNumberGenerator.GetBytes(Part.BytesUsual);

    [Benchmark]
    public uint PartCrc32() => WideCrc32.Of(_part);

    [Benchmark]
    public uint PartCrc32OfTheLibrary() => Crc32.HashToUInt32(_part);

    [Benchmark]
    public byte[] PartSha256() => SHA256.HashData(_part);
}
