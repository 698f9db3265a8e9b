using Google.Protobuf;
using Quorate.Chaos.Checking;
using Quorate.Shared.Cluster;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;

namespace Quorate.Chaos.Training;

/// <summary>
/// Sends a trainer's update to every coordinator at once, while the trainer itself sends it too, like a client that
/// sees two leaders. The update must count once, and every answer must be correct.
/// </summary>
public static class Twin
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(8);

    /// <param name="path">A copy of the update; the trainer's own file is replaced in the next round.</param>
    /// <param name="note">Called once for each coordinator, with or without an answer.</param>
    public static async Task SendAsync(
        HostsFile hosts, UploadHeader header, string path, Action<Operation> note, TimeProvider time)
    {
        using var bound = new CancellationTokenSource(_patience, time);
        using var cluster = new ClusterConnections(hosts, time);
        await Task.WhenAll(cluster.Nodes.Select(node => SendAsync(node, header, path, note, time, bound.Token)));
        File.Delete(path);
    }

    private static async Task SendAsync(NodeConnection node, UploadHeader header, string path, Action<Operation> note,
        TimeProvider time, CancellationToken token)
    {
        var facts = header.Update;
        var asked = new Operation(
            $"{facts.Run}/{facts.Round}/{facts.Trainer}", $"twin of {facts.Trainer} at node {node.Id}",
            time.GetTimestamp(), 0, OperationKind.Offer, Convert.ToHexStringLower(header.Blob.Span), Answer.Unknown);
        // One attempt: if it breaks, its effect is unknown.
        var upload = new BlobUpload((_, _) => new(node.Transfer), new RetryRules { Attempts = 1 }, time);
        try
        {
            var reply = await upload.SendAsync(header, path, null, token);
            foreach (var operation in Offers.Answered(asked, reply.Verdict, time.GetTimestamp())) note(operation);
        }
        catch (Exception e) when (e is TransferException or OperationCanceledException or IOException)
        {
            note(asked);
        }
    }

    public static UploadHeader HeaderOf(UpdateFacts facts, byte[] blob, long length) =>
        new() { Blob = ByteString.CopyFrom(blob), Length = length, Update = facts };
}

/// <summary>Offers as operations for the linearizability checker.</summary>
public static class Offers
{
    /// <summary>
    /// The operations of one answered offer, which the client may have sent several times. DUPLICATE may refer to an
    /// earlier attempt whose answer was lost, so that attempt is an additional operation without an answer.
    /// </summary>
    public static IEnumerable<Operation> Answered(Operation asked, VerdictCode verdict, long at)
    {
        if (verdict == VerdictCode.Duplicate) yield return asked;
        yield return verdict switch
        {
            VerdictCode.Accepted => asked with { Return = at, Answer = Answer.Accepted },
            VerdictCode.Duplicate => asked with { Return = at, Answer = Answer.Duplicate },
            VerdictCode.Stale => asked with { Return = at, Answer = Answer.Stale },
            VerdictCode.Rejected => asked with { Return = at, Answer = Answer.Rejected },
            _ => asked,
        };
    }
}
