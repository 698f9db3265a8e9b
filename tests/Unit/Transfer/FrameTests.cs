using Google.Protobuf;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer.Streams;

namespace Quorate.Unit.Transfer;

/// <summary>
/// Simulation seed 150: an upload with a flipped bit in its head was stored and acknowledged but never counted.
/// </summary>
public sealed class FrameTests
{
    [Theory]
    [InlineData((int)FrameKind.Call, (long)StreamMethod.Upload)]
    [InlineData((int)FrameKind.Fault, 0)]
    public async Task A_flipped_bit_never_turns_a_message_into_another_one(int kind, long offset)
    {
        byte[] sent = await WrittenAsync((FrameKind)kind, new StreamFault { Code = 2, Detail = "no" }, offset);
        Assert.Equal(2, (await ReadAsync(sent)).Code);
        for (int bit = 0; bit < 8 * sent.Length; bit++)
        {
            byte[] damaged = [.. sent];
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            await Assert.ThrowsAsync<InvalidDataException>(() => ReadAsync(damaged));
        }
    }

    private static async Task<byte[]> WrittenAsync(FrameKind kind, IMessage message, long offset)
    {
        var stream = new TwoWay([]);
        var frames = new FrameStream(stream);
        frames.Append(kind, message, offset);
        await frames.FlushAsync(CancellationToken.None);
        return stream.Written.ToArray();
    }

    /// <summary>Reads like a peer that may take a part for a message.</summary>
    private static async Task<StreamFault> ReadAsync(byte[] bytes)
    {
        var frames = new FrameStream(new TwoWay(bytes));
        var frame = await frames.ReadHeadAsync(CancellationToken.None) ?? throw new InvalidDataException("");
        return await frames.ReadMessageAsync(frame, StreamFault.Parser, CancellationToken.None);
    }
}
