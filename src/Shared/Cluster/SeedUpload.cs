using System.Security.Cryptography;
using Google.Protobuf;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;

namespace Quorate.Shared.Cluster;

/// <summary>Uploads the model that a run starts from.</summary>
public static class SeedUpload
{
    /// <summary>
    /// Sends the .pt file at <paramref name="path"/> as the seed model of a run, to the current leader in each attempt.
    /// </summary>
    /// <returns>ACCEPTED, DUPLICATE or REJECTED; the reason of a rejection is a sentence.</returns>
    /// <exception cref="TransferException">The upload failed after all attempts.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static async Task<VerdictReply> SendAsync(
        ClusterConnections cluster, string run, string path, TimeProvider time, CancellationToken token)
    {
        UploadHeader header;
        await using (var file = File.OpenRead(path))
        {
            header = new UploadHeader
            {
                Blob = ByteString.CopyFrom(await SHA256.HashDataAsync(file, token)), Length = file.Length,
                Seed = new SeedFacts { Run = run },
            };
        }
        var upload = new BlobUpload(
            async (_, bound) => await cluster.FindLeaderAsync(bound) is { } leader
                ? leader.Transfer
                : throw new TimeoutException("No node leads."),
            new RetryRules { Attempts = 30 }, time);
        return await upload.SendAsync(header, path, null, token);
    }
}
