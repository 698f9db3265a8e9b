using Google.Protobuf;
using Grpc.Core;
using Quorate.Pt;
using Quorate.Rounds;
using Quorate.Shared.Cluster;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;
using Quorate.Unit.Pt;

namespace Quorate.Unit.Cluster;

/// <summary>A trainer's calls, one at a time, so that a test can make wrong ones.</summary>
internal sealed class TestTrainer(NodeConnection leader, string id, ulong incarnation)
{
    public const string Run = "test";

    public static readonly TensorInfo[] Schema =
        [PtFixtures.Info("w", TensorType.Float32, 2, 3), PtFixtures.Info("b", TensorType.Float32, 4)];

    /// <summary>A model or an update with every weight equal to <paramref name="value"/>.</summary>
    public static byte[] Weights(float value) => PtFixtures.Write(
        [.. Schema.Select(
            info => (info, Enumerable.Repeat(value, (int)info.Elements).SelectMany(BitConverter.GetBytes).ToArray()))]);

    public static Task<VerdictReply> SeedAsync(NodeConnection leader, byte[] model) => SendAsync(
        leader, model, new UploadHeader
        {
            Blob = ByteString.CopyFrom(
                BlobHash.Of(model).ToArray()), Length = model.Length, Seed = new SeedFacts { Run = Run },
        });

    public async Task<VerdictReply> JoinAsync(long examples = 10) => await leader.Federation.JoinAsync(
        new JoinRequest { Run = Run, Trainer = id, Incarnation = incarnation, Examples = examples });

    public AsyncDuplexStreamingCall<Heartbeat, Announcement> Attend() => leader.Federation.Attend();

    public Heartbeat Heartbeat() => new() { Run = Run, Trainer = id, Incarnation = incarnation };

    public UploadHeader Header(byte[] update, int round = 1, long examples = 10) => new()
    {
        Blob = ByteString.CopyFrom(BlobHash.Of(update).ToArray()), Length = update.Length,
        Update = new UpdateFacts
        {
            Run = Run, Round = round, Trainer = id, Incarnation = incarnation, Examples = examples,
        },
    };

    public Task<VerdictReply> UpdateAsync(byte[] update, int round = 1, long examples = 10) =>
        SendAsync(leader, update, Header(update, round, examples));

    /// <summary>Sends exactly this header and these bytes, in one part.</summary>
    public static Task<VerdictReply> SendAsync(NodeConnection leader, byte[] bytes, UploadHeader header) =>
        SendAsync(leader, [(bytes, false)], header);

    /// <summary>Sends these parts, each damaged in transit or not; the first one carries the header.</summary>
    public static async Task<VerdictReply> SendAsync(
        NodeConnection leader, (byte[] Bytes, bool Damaged)[] parts, UploadHeader header, long offset = 0)
    {
        using var call = leader.Transfer.Upload(CancellationToken.None);
        try
        {
            foreach (var (bytes, damaged) in parts)
            {
                using var part = Part.Rent(bytes.Length);
                bytes.CopyTo(part.Room.Span);
                if (offset == 0 || parts.Length == 1) part.Header = header;
                part.Fill(offset, bytes.Length);
                if (damaged) part.Room.Span[0] ^= 1; // After its checksum was computed.
                await call.RequestStream.WriteAsync(part);
                offset += bytes.Length;
            }
            await call.RequestStream.CompleteAsync();
        }
        catch (RpcException)
        {
            // It answered before everything was sent; the answer says why.
        }
        return await call.ResponseAsync.WaitAsync(TestCluster.Patience);
    }
}
