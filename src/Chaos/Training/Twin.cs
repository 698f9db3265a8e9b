using Google.Protobuf;
using Quorate.Chaos.Checking;
using Quorate.Shared.Cluster;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;

namespace Quorate.Chaos.Training;

/// <summary>
/// Sends a trainer's update once more, to every coordinator at once, while the trainer itself sends it too: as a client
/// does that sees two leaders. It must count once all the same, and every answer must be true.
/// </summary>
public static class Twin
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(8);

    /// <param name="path">A file of its own: the trainer's goes with the next round.</param>
    /// <param name="note">Called once for each coordinator asked, with or without an answer.</param>
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
        // One try: what it brought stays unknown if it breaks.
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

/// <summary>Offers as the checker of linearizability takes them.</summary>
public static class Offers
{
    /// <summary>
    /// An answer to an offer that the client may have made several times underneath. DUPLICATE can then speak of an
    /// earlier try of the same offer, whose answer was lost: that try is an operation of its own without an answer.
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
