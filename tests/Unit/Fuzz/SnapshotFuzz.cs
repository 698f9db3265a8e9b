using System.Buffers.Binary;
using System.IO.Hashing;
using Quorate.Coordinator.Consensus.DotNext;
using Quorate.Rounds;
using Quorate.Unit.Consensus;
using Quorate.Unit.Rounds;

namespace Quorate.Unit.Fuzz;

/// <summary>
/// Damaged snapshot files: only the documented exceptions are thrown, even if the checksum is correct. A
/// damaged file with a wrong checksum is never read.
/// </summary>
public sealed class SnapshotFuzz : IDisposable
{
    private const ulong Seed = 20261122;
    private const int HashBytes = 8, Commands = 40;

    private readonly string _folder = Directory.CreateTempSubdirectory("quorate-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_damaged_snapshot_is_refused()
    {
        var random = new SplitMix64(Seed);
        byte[][] seeds = await Task.WhenAll(
            Enumerable.Range(0, 8).Select(n => SnapshotBytes.OfAsync(Driven(Seed + (ulong)n))));
        var path = new FileInfo(Path.Combine(_folder, $"{Commands}-1"));
        for (int i = 0; i < FuzzInputs.Count / 2; i++)
        {
            byte[] sound = seeds[random.Below(seeds.Length)], input = Mutations.Of(sound, random);
            if (input.AsSpan().SequenceEqual(sound))
            {
                Assert.True(IsRead(input));
                continue;
            }
            Assert.False(IsRead(input), $"Input {i} of seed {Seed} was read.");
            if (input.Length < HashBytes) continue;
            ulong hash = XxHash3.HashToUInt64(input.AsSpan(..^HashBytes));
            BinaryPrimitives.WriteUInt64LittleEndian(input.AsSpan(^HashBytes..), hash);
            IsRead(input);
        }

        bool IsRead(byte[] input)
        {
            File.WriteAllBytes(path.FullName, input);
            path.Refresh();
            try
            {
                SnapshotFile.Read(path);
                return true;
            }
            catch (Exception e) when (e is InvalidDataException or UnsupportedFormatException)
            {
                return false;
            }
        }
    }

    private static ClusterState Driven(ulong seed)
    {
        var state = ClusterState.Empty;
        var random = new RandomCommands(seed);
        for (int i = 1; i <= Commands; i++) state = RoundMachine.Apply(state, i, random.Next(state), []).State;
        return state;
    }
}
