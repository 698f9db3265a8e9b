using Quorate.Rounds;
using Quorate.Unit.Fuzz;
using Xunit.Abstractions;

namespace Quorate.Unit.Rounds;

/// <summary>
/// Mutated bytes in both decoders: only the documented exceptions are thrown, and little memory is allocated. 100,000
/// inputs each here, 10,000,000 with QUORATE_LONG=1.
/// </summary>
public sealed class CodecFuzz(ITestOutputHelper output)
{
    private const ulong Seed = 20261122;

    private static readonly int Inputs = FuzzInputs.Count;

    /// <summary>
    /// Bytes that decoding may allocate: an exception with its stack takes a few thousand, and no field grows to more
    /// than 32 times its bytes (a trainer of 30 becomes two objects and its place in a tree).
    /// </summary>
    private static long Allowed(int length) => 16 * 1024 + 32L * length;

    [Fact]
    public void A_mutated_command_is_refused_or_is_the_one_command_with_these_bytes()
    {
        var commands = new RandomCommands(Seed);
        var seeds = Enumerable.Range(0, 2000).Select(_ => Scene.Bytes(commands.Next(Midway))).ToArray();
        Fuzz(seeds, input =>
        {
            var command = CommandCodec.Decode(input);
            return () => Assert.Equal(input, Scene.Bytes(command));
        });
    }

    [Fact]
    public void A_mutated_state_is_refused_or_one_that_could_have_arisen()
    {
        Fuzz([StateCodec.Encode(ClusterState.Empty), .. Snapshots()], input =>
        {
            var state = StateCodec.Decode(input);
            return () =>
            {
                byte[] bytes = StateCodec.Encode(state);
                Assert.Equal(bytes, StateCodec.Encode(StateCodec.Decode(bytes)));
            };
        });
    }

    /// <param name="seeds">Valid inputs.</param>
    /// <param name="decode">Decodes, and returns a check of the result.</param>
    private void Fuzz(byte[][] seeds, Func<byte[], Action> decode)
    {
        var random = new SplitMix64(Seed);
        int accepted = 0;
        long most = 0;
        foreach (byte[] seed in seeds) decode(seed)();
        for (int i = 0; i < Inputs; i++)
        {
            byte[] input = Mutations.Of(seeds[random.Below(seeds.Length)], random);
            long before = GC.GetAllocatedBytesForCurrentThread();
            Action? check = null;
            try
            {
                check = decode(input);
                accepted++;
            }
            catch (Exception e) when (e is InvalidDataException or UnsupportedFormatException)
            {
                // The documented answers to bytes that are not a command or a state.
            }
            catch (Exception e)
            {
                Assert.Fail($"{e}\ninput {i} of seed {Seed}: {Convert.ToHexString(input)}");
            }
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            most = Math.Max(most, allocated);
            if (allocated > Allowed(input.Length))
                Assert.Fail($"{allocated} bytes allocated for input {i} of seed {Seed}: {Convert.ToHexString(input)}");
            check?.Invoke();
        }
        output.WriteLine($"{Inputs} inputs, {accepted} decoded, at most {most} bytes allocated for one");
        Assert.InRange(accepted, Inputs / 1000, Inputs * 9 / 10);
    }

    private static readonly ClusterState Midway = Driven(500);

    private static IEnumerable<byte[]> Snapshots() =>
        (from n in Enumerable.Range(1, 12) select StateCodec.Encode(Driven(15 * n)))
        .Append(StateCodec.Encode(StateCodecTests.LongTrail(140)));

    private static ClusterState Driven(int commands)
    {
        var state = ClusterState.Empty;
        var random = new RandomCommands(Seed);
        for (int i = 1; i <= commands; i++) state = RoundMachine.Apply(state, i, random.Next(state), []).State;
        return state;
    }
}
