using Quorate.Pt;
using Quorate.Unit.Fuzz;
using Xunit.Abstractions;
using static Quorate.Unit.Pt.PtFixtures;

namespace Quorate.Unit.Pt;

/// <summary>
/// Damaged files, the same in every test run. Each one must be read or refused with a <see cref="PtFormatException"/>
/// and must take little memory, whatever size it claims.
/// </summary>
public sealed class PtFuzzTests(ITestOutputHelper output) : IDisposable
{
    private static readonly int Cases = FuzzInputs.Count / 2; // in each of two kinds of damage

    private static readonly string[] Fixtures = ["net.pt", "dtypes.pt", "shapes.pt", "strided.pt", "evil.pt"];
    private readonly TestFolder _folder = new();
    private ulong _state = 20261122;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Files_with_changed_bytes_are_read_or_refused()
    {
        byte[][] seeds = [.. Fixtures.Select(name => File.ReadAllBytes(PathOf(name))),
            Write((Info("w", TensorType.Float32, 4), new byte[16]), (Info("b", TensorType.Bool, 3), new byte[3]))];
        Fuzz(() => Damage(seeds[Below(seeds.Length)]));
    }

    /// <summary>
    /// The pickle's checksum protects against accidents, not against intent: here each damaged pickle is in an intact
    /// archive.
    /// </summary>
    [Fact]
    public void Pickles_with_changed_bytes_in_sound_archives_are_read_or_refused()
    {
        byte[][] seeds = [.. Fixtures.Select(PickleOf),
            Pickle.Bytes(Pickle.DictOf(Pickle.Tensor(Pickle.Storage(), 0, Pickle.Tuple(2, 2), Pickle.Tuple(2, 1))))];
        Fuzz(() => Pickle.Archive(Pickle.Records(Damage(seeds[Below(seeds.Length)]))));
    }

    private void Fuzz(Func<byte[]> next)
    {
        int read = 0;
        long most = 0;
        for (int i = 0; i < Cases; i++)
        {
            byte[] bytes = next();
            string path = _folder.Write("fuzzed.pt", bytes);
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                using PtFile file = PtFile.Open(path);
                file.VerifyStorages();
                read++;
                // As at admission: nothing is read of a file that shows far more than it has.
                if (PtSchema.CheckFirstModel(file).IsRefused(out _)) continue;
                foreach (PtTensor tensor in file.Tensors) file.Read(tensor, 0, new byte[tensor.Info.Bytes]);
                file.FindNonFinite();
            }
            catch (PtFormatException refused)
            {
                Assert.EndsWith(".", refused.Message.TrimEnd(')'), StringComparison.Ordinal);
            }
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            most = Math.Max(most, allocated);
            Assert.True(allocated <= Allowed(bytes.Length), $"{allocated} bytes allocated for input {i}.");
        }

        output.WriteLine($"{read} of {Cases} damaged files were still sound, the others were refused; "
            + $"at most {most} bytes allocated for one.");
    }

    /// <summary>Buffers of fixed size, an exception with its stack, and objects for what the file names.</summary>
    private static long Allowed(int length) => 512 * 1024 + 64L * length;

    /// <summary>Up to four changes: a byte set, a bit flipped, a run removed or doubled, or the end cut off.</summary>
    private byte[] Damage(byte[] sound)
    {
        List<byte> bytes = [.. sound];
        for (int changes = 1 + Below(4); changes > 0 && bytes.Count > 8; changes--)
        {
            int at = Below(bytes.Count);
            int run = Math.Min(1 + Below(8), bytes.Count - at);
            switch (Below(10))
            {
                case 0: bytes.RemoveRange(at, run); break;
                case 1: bytes.InsertRange(at, bytes[at..(at + run)]); break;
                case 2: bytes.RemoveRange(at, bytes.Count - at); break;
                case < 6: bytes[at] = (byte)Below(256); break;
                default: bytes[at] ^= (byte)(1 << Below(8)); break;
            }
        }

        return [.. bytes];
    }

    private static byte[] PickleOf(string fixture)
    {
        using System.IO.Compression.ZipArchive zip = System.IO.Compression.ZipFile.OpenRead(PathOf(fixture));
        var pickle = new MemoryStream();
        using Stream content = zip.Entries.Single(entry => entry.Name == "data.pkl").Open();
        content.CopyTo(pickle);
        return pickle.ToArray();
    }

    private int Below(int limit)
    {
        _state += 0x9e3779b97f4a7c15;
        ulong mixed = (_state ^ (_state >> 30)) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
        return (int)((mixed >> 33) % (ulong)limit);
    }
}
