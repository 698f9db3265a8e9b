using Google.Protobuf;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer.Streams;

namespace Quorate.Unit.Transfer;

/// <summary>Simulation seed 150: an upload whose head lost a bit was stored, called safe and never counted.</summary>
public sealed class FrameTests
{
    [Theory]
    [InlineData((int)FrameKind.Call, (long)StreamMethod.Upload)]
    [InlineData((int)FrameKind.Fault, 0)]
    public async Task No_flipped_bit_makes_another_message_of_a_message(int kind, long offset)
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

    /// <summary>Reads as a peer does that takes a part for a message wherever one could stand.</summary>
    private static async Task<StreamFault> ReadAsync(byte[] bytes)
    {
        var frames = new FrameStream(new TwoWay(bytes));
        var frame = await frames.ReadHeadAsync(CancellationToken.None) ?? throw new InvalidDataException("");
        return await frames.ReadMessageAsync(frame, StreamFault.Parser, CancellationToken.None);
    }
}
