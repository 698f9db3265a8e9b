using System.Globalization;
using System.IO.Compression;
using Google.Protobuf;
using Grpc.Core;
using Quorate.Coordinator.Intake;
using Quorate.Pt;
using Quorate.Rounds;
using Quorate.Shared.Protocol;
using Quorate.Unit.Pt;
using static Quorate.Unit.Cluster.OpenRound;

namespace Quorate.Unit.Cluster;

/// <summary>
/// Promise P8: a coordinator answers any input with a reason, keeps running, and leaves its runs unchanged. Each row is
/// an input and what the answer must contain: a verdict or a status code, and the reason. IntakeTests has more rows,
/// with the most common mistakes.
/// </summary>
public sealed class BadInputTests(OpenRound round) : IClassFixture<OpenRound>
{
    private static readonly byte[] Good = TestTrainer.Weights(1);

    private static readonly Dictionary<string, (Func<OpenRound, Task<VerdictReply>> Say, string Answer)> Rows = new()
    {
        // Files that are not an update of this model.
        ["a file of no bytes that says it has one"] = (r => r.UploadAsync(PartOf([], Header(r, [1]))), "ended after 0"),
        ["a file of one byte"] = (r => r.Anna.UpdateAsync([0]), "Rejected"),
        ["an empty archive"] = (r => r.Anna.UpdateAsync([.. "PK\u0005\u0006"u8, .. new byte[18]]), "Rejected"),
        ["an archive without a pickle"] = (r => r.Anna.UpdateAsync(Pickle.Archive([("a/x", [1])])), "Rejected"),
        ["a compressed archive"] = (r => r.Anna.UpdateAsync(
            Pickle.Archive(Pickle.Records([0x80, 2, 0x2e]), CompressionLevel.Optimal)), "Rejected"),
        ["an archive cut in its middle"] = (r => r.Anna.UpdateAsync(Good[..(Good.Length / 2)]), "Rejected"),
        ["an archive without its last byte"] = (r => r.Anna.UpdateAsync(Good[..^1]), "Rejected"),
        ["a flipped bit under a stored check sum"] = (r => r.Anna.UpdateAsync(Flipped()), "Rejected"),
        ["the same record twice"] = (r => r.Anna.UpdateAsync(
            Pickle.Archive([.. Pickle.Records([0x80, 2, 0x2e]), ("a/data.pkl", [1])])), "Rejected"),
        ["a record whose name is a path"] = (r => r.Anna.UpdateAsync(
            Pickle.Archive([("../../a/data.pkl", [0x80, 2, 0x2e])])), "Rejected"),
        ["infinity in the last element"] = (
            r => r.Anna.UpdateAsync(With(3, float.PositiveInfinity)), "'b' contains NaN"),
        ["NaN with a payload"] = (r => r.Anna.UpdateAsync(With(0, BitConverter.Int32BitsToSingle(0x7F800001))),
            "'b' contains NaN"),
        ["half precision"] = (r => r.Anna.UpdateAsync(Typed(TensorType.Float16)), "'w' is Float16, expected Float32"),
        ["whole numbers"] = (r => r.Anna.UpdateAsync(Typed(TensorType.Int64)), "'w' is Int64, expected Float32"),
        ["a scalar for a matrix"] = (r => r.Anna.UpdateAsync(Shaped()), "'w' has shape []"),
        ["an empty tensor"] = (r => r.Anna.UpdateAsync(Shaped(0, 3)), "'w' has shape [0, 3]"),
        ["a tensor beyond its storage"] = (r => r.Anna.UpdateAsync(Pickle.Archive(Pickle.DictOf(
            Pickle.Tensor(Pickle.Storage(), 0, Pickle.Tuple(2, 300), Pickle.Tuple(300, 1))))), "Rejected"),
        ["a tensor of 2^62 elements"] = (r => r.Anna.UpdateAsync(Pickle.Archive(Pickle.DictOf(
            Pickle.Tensor(Pickle.Storage(), 0, Pickle.Tuple(1L << 62), Pickle.Tuple(0))))), "Rejected"),
        ["a negative shape"] = (r => r.Anna.UpdateAsync(Pickle.Archive(Pickle.DictOf(
            Pickle.Tensor(Pickle.Storage(), 0, Pickle.Tuple(-2, 3), Pickle.Tuple(3, 1))))), "Rejected"),
        ["a tensor named twice"] = (r => r.Anna.UpdateAsync(Pickle.Archive(
            Pickle.Protocol + "}" + string.Concat(Enumerable.Repeat(Pickle.Text("w") + Pickle.Tensor(
                Pickle.Storage(), 0, Pickle.Tuple(2, 2), Pickle.Tuple(2, 1)) + "s", 2)) + ".")), "Rejected"),
        ["a pickle of a hundred thousand opening brackets"] = (r => r.Anna.UpdateAsync(
            Pickle.Archive(Pickle.Protocol + new string('(', 100_000) + ".")), "Rejected"),
        ["a pickle that never ends"] = (r => r.Anna.UpdateAsync(Pickle.Archive(Pickle.Protocol + "}")), "Rejected"),
        ["PyTorch: an old file"] = (r => r.Anna.UpdateAsync(Fixture("legacy.pt")), "Rejected"),
        ["PyTorch: a script module"] = (r => r.Anna.UpdateAsync(Fixture("script.pt")), "Rejected"),
        ["PyTorch: sparse tensors"] = (r => r.Anna.UpdateAsync(Fixture("sparse.pt")), "Rejected"),
        ["PyTorch: code to be run"] = (r => r.Anna.UpdateAsync(Fixture("evil.pt")), "Rejected"),
        ["PyTorch: a bare tensor"] = (r => r.Anna.UpdateAsync(Fixture("tensor.pt")), "Rejected"),

        // Headers.
        ["as many examples as a number can say"] = (r => Headed(r, h => h.Update.Examples = long.MaxValue),
            "Examples must be 1 to"),
        ["fewer examples than none"] = (r => Headed(r, h => h.Update.Examples = long.MinValue),
            "Examples must be 1 to"),
        ["the round after all rounds"] = (r => Headed(r, h => h.Update.Round = int.MaxValue), "is not open"),
        ["round 0, which is the initial model"] = (r => Headed(r, h => h.Update.Round = 0), "Stale: Round 0 is closed"),
        ["an empty run name"] = (r => Headed(r, h => h.Update.Run = ""), "no valid run"),
        ["a run name of 64 characters"] = (r => Headed(r, h => h.Update.Run = new string('a', 64)), "no valid run"),
        ["a run name with a NUL"] = (r => Headed(r, h => h.Update.Run = "test\0"), "no valid run"),
        ["a run name in capitals"] = (r => Headed(r, h => h.Update.Run = "TEST"), "no valid run"),
        ["an empty trainer id"] = (r => Headed(r, h => h.Update.Trainer = ""), "no valid trainer id"),
        ["a trainer id of 10,000 characters"] = (r => Headed(r, h => h.Update.Trainer = new string('a', 10_000)),
            "no valid trainer id"),
        ["a trainer id of other letters"] = (r => Headed(r, h => h.Update.Trainer = "аnna"), "no valid trainer id"),
        ["no length"] = (r => Headed(r, h => h.Length = 0), "The blob's length is 0"),
        ["the greatest length"] = (r => Headed(r, h => h.Length = long.MaxValue), "The blob's length is 9223372036854"),
        ["a hash of 33 bytes"] = (r => Headed(r, h => h.Blob = ByteString.CopyFrom(new byte[33])), "has 33 bytes"),
        ["no hash"] = (r => Headed(r, h => h.Blob = ByteString.Empty), "has 0 bytes"),
        ["incarnation 0"] = (r => Headed(r, h => h.Update.Incarnation = 0), "in use by another process"),
        ["a seed for a run that has a model"] = (r => TestTrainer.SeedAsync(r.Node, Good), "Round 0 has another model"),
        ["a seed for an unknown run"] = (r => Headed(r, h => h.Seed = new SeedFacts { Run = "other" }),
            "no run 'other'"),

        // Streams of parts.
        ["no part at all"] = (r => r.UploadAsync(), "carries no header"),
        ["parts without a header"] = (r => r.UploadAsync(PartOf(Good)), "carries no header"),
        ["a second header"] = (r => r.UploadAsync(
            PartOf(Other(9)[..100], Header(r, Other(9))), PartOf(Other(9)[100..], Header(r, [1]), 100)),
            "Only the first part"),
        ["a first part beyond the end"] = (r => r.UploadAsync(PartOf(Good, Header(r, Other(10)), 1 << 20)),
            "does not follow 0"),
        ["a part sent twice"] = (r => r.UploadAsync(
            PartOf(Good[..64], Header(r, Other(1))), PartOf(Good[..64])), "does not follow 64"),
        ["a gap between parts"] = (r => r.UploadAsync(
            PartOf(Good[..64], Header(r, Other(2))), PartOf(Good[..64], offset: 65)), "does not follow 64"),
        ["more bytes than the header says"] = (r => r.UploadAsync(
            PartOf(Other(3), Header(r, Other(3))), PartOf([1], offset: Other(3).Length)), "longer than the"),
        ["a wrong CRC"] = (r => r.UploadAsync(PartOf(Other(4), Header(r, Other(4)), damaged: true)),
            "damaged (CRC-32)"),
        ["other bytes than the hash says"] = (r => r.UploadAsync(PartOf(Other(5), Header(r, Other(6)))),
            "wrong SHA-256"),

        // Calls between coordinators.
        ["a put without a header"] = (r => r.PutAsync(PartOf(Good)), "carries no header"),
        ["a put of other bytes"] = (r => r.PutAsync(PartOf(Other(7), Header(r, Other(8)))), "are not those of blob"),
        ["a put of 65 GiB"] = (r => r.PutAsync(PartOf(Good, new UploadHeader
        {
            Blob = Header(r, Good).Blob, Length = Limits.BlobBytes + 1,
        })), "The blob's length is"),
        ["a download by 31 bytes"] = (r => r.DownloadAsync(new DownloadRequest
        {
            Blob = ByteString.CopyFrom(new byte[31]),
        }), "InvalidArgument"),
        ["a download from before the start"] = (r => r.DownloadAsync(Model(-1, 0)), "OutOfRange"),
        ["a download from behind the end"] = (r => r.DownloadAsync(Model(1 << 30, 0)), "OutOfRange"),
        ["a download of a negative length"] = (r => r.DownloadAsync(Model(0, -1)), "OutOfRange"),
        ["a download whose end overflows"] = (r => r.DownloadAsync(Model(1, long.MaxValue)), "OutOfRange"),

        // Calls of trainers and operators.
        ["a join with incarnation 0"] = (r => JoinAsync(r, j => j.Incarnation = 0), "incarnation of 0"),
        ["a join under a path"] = (r => JoinAsync(r, j => j.Trainer = "../x"), "Rejected"),
        ["a join of an unknown run"] = (r => JoinAsync(r, j => j.Run = "other"), "no run 'other'"),
        ["a join with fewer examples than none"] = (r => JoinAsync(r, j => j.Examples = -1), "Examples must be"),
        ["a heartbeat of no trainer"] = (r => r.AttendAsync(new Heartbeat { Trainer = "//" }), "no valid trainer id"),
        ["a heartbeat with an unknown activity"] = (r => r.AttendAsync(new Heartbeat
        {
            Trainer = "zoe", Incarnation = 1, Activity = (Activity)9,
        }), "InvalidArgument: The heartbeat's activity is 9"),
        ["a heartbeat of a stranger"] = (r => r.AttendAsync(new Heartbeat { Trainer = "zoe", Incarnation = 1 }),
            "no member"),
        ["a run file that is no JSON"] = (r => OpenAsync(r, "rounds: 5"), "It is not JSON"),
        ["a run file with half a character"] = (r => OpenAsync(r, "{ \"name\": \"\\ud800\" }"), "unpaired surrogate"),
        ["a run file of 900 KB"] = (r => OpenAsync(r, new string(' ', 900_000)), "longer than 256 KiB"),
        ["a run file with 20,000 unknown keys"] = (r => OpenAsync(r, Keys(20_000)), "k7 is not a key"),
        ["another run under a name that is taken"] = (r => OpenAsync(
            r, """{ "name": "test", "rounds": 9, "minTrainers": 2, "seed": 1 }"""), "Rejected"),
        ["a stop of an unknown run"] = (r => StopAsync(r, "other"), "no run 'other'"),
        ["a stop of a path"] = (r => StopAsync(r, "/etc/passwd"), "Rejected"),

        // Bytes that are not a call.
        ["HTTP/1.1 on the port of gRPC"] = (r => r.RawAsync("GET / HTTP/1.1\r\n\r\n"u8.ToArray(), raft: false),
            "closed"),
        ["noise on the port of gRPC"] = (r => r.RawAsync(Noise(), raft: false), "closed"),
        ["a weight stream that opens with noise"] = (r => r.RawAsync([.. "QUORATE1"u8, .. Noise()], raft: false),
            "closed"),
        ["a weight stream with half a head"] = (r => r.RawAsync([.. "QUORATE1"u8, 1, 0, 0], raft: false), "closed"),
        ["noise on the port of Raft"] = (r => r.RawAsync(Noise(), raft: true), "closed"),
    };

    public static TheoryData<string> Names => [.. Rows.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Bad_input_is_answered_with_a_reason_and_changes_nothing(string what)
    {
        var (say, answer) = Rows[what];
        var (runs, index, chain) = await round.StateAsync();

        string said = await SaidAsync(say);

        Assert.Contains(answer, said, StringComparison.Ordinal);
        Assert.True(said.Length < 10_000, $"{said.Length} characters of reason.");
        var after = await round.StateAsync();
        Assert.Equal(runs, after.Runs);
        Assert.True(after.Index == index ? after.Chain == chain : after.Index > index);
    }

    /// <summary>Calls that had sent nothing yet held all places of uploads.</summary>
    [Fact]
    public async Task Uploads_without_a_header_take_no_place_from_the_others()
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(60), TimeProvider.System);
        var silent = Enumerable.Range(0, CallLimits.UploadsMax).Select(_ => round.Transfer.Upload(stop.Token)).ToList();
        await round.Peers.Hello(new HelloRequest { Node = -1 }, stop.Token); // On the same connection, after them.

        string said = await SaidAsync(r => r.Anna.UpdateAsync([0]));

        Assert.StartsWith("Rejected", said, StringComparison.Ordinal);
        silent.ForEach(call => call.Dispose());
    }

    private async Task<string> SaidAsync(Func<OpenRound, Task<VerdictReply>> say)
    {
        try
        {
            var reply = await say(round);
            return $"{reply.Verdict}: {reply.Reason}";
        }
        catch (RpcException e)
        {
            return $"{e.StatusCode}: {e.Status.Detail}";
        }
    }

    private static UploadHeader Header(OpenRound round, byte[] update) => round.Anna.Header(update);

    private static Task<VerdictReply> Headed(OpenRound round, Action<UploadHeader> spoil)
    {
        var header = Header(round, Good);
        spoil(header);
        return TestTrainer.SendAsync(round.Node, Good, header);
    }

    private static async Task<VerdictReply> JoinAsync(OpenRound round, Action<JoinRequest> spoil)
    {
        var join = new JoinRequest { Run = "test", Trainer = "carl", Incarnation = 3, Examples = 10 };
        spoil(join);
        return await round.Federation.JoinAsync(join);
    }

    private static async Task<VerdictReply> OpenAsync(OpenRound round, string file) =>
        await round.Node.Admin.OpenRunAsync(new OpenRunRequest { RunFile = file });

    private static async Task<VerdictReply> StopAsync(OpenRound round, string run) =>
        await round.Node.Admin.StopRunAsync(new StopRunRequest { Run = run });

    private static DownloadRequest Model(long offset, long length) => new()
    {
        Blob = ByteString.CopyFrom(BlobHash.Of(TestTrainer.Weights(0)).ToArray()), Offset = offset, Length = length,
    };

    /// <summary>An update that no other row sends, so no row finds bytes that another one left.</summary>
    private static byte[] Other(float value) => TestTrainer.Weights(100 + value);

    private static byte[] Fixture(string name) => File.ReadAllBytes(PtFixtures.PathOf(name));

    private static byte[] Flipped()
    {
        byte[] bytes = [.. Good];
        // The bytes of 1.0f: those of a weight, not of the archive.
        ReadOnlySpan<byte> ones = [0x00, 0x00, 0x80, 0x3F, 0x00, 0x00, 0x80, 0x3F];
        int at = bytes.AsSpan().IndexOf(ones);
        bytes[at + 2] ^= 1;
        return bytes;
    }

    /// <summary>Weights of 1 and, in the second tensor, one of another value.</summary>
    private static byte[] With(int at, float value)
    {
        float[] second = [1, 1, 1, 1];
        second[at] = value;
        return PtFixtures.Write(
            (TestTrainer.Schema[0], new byte[TestTrainer.Schema[0].Bytes]),
            (TestTrainer.Schema[1], [.. second.SelectMany(BitConverter.GetBytes)]));
    }

    private static byte[] Typed(TensorType type) => Zeros(PtFixtures.Info("w", type, 2, 3), TestTrainer.Schema[1]);

    private static byte[] Shaped(params long[] shape) =>
        Zeros(PtFixtures.Info("w", TensorType.Float32, shape), TestTrainer.Schema[1]);

    private static byte[] Zeros(params TensorInfo[] schema) =>
        PtFixtures.Write([.. schema.Select(info => (info, new byte[info.Bytes]))]);

    private static string Keys(int count) => "{"
        + string.Join(',', Enumerable.Range(0, count).Select(i => string.Create(
            CultureInfo.InvariantCulture, $"\"k{i}\":1"))) + "}";

    private static byte[] Noise()
    {
        var random = new SplitMix64(20261122);
        return [.. Enumerable.Range(0, 20_000).Select(_ => (byte)random.Next())];
    }
}
