using System.Security.Cryptography;
using Quorate.Rounds;
using Quorate.Shared.Cluster;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;

namespace Quorate.Cli;

/// <summary>The models of a run as files and on the nodes.</summary>
internal static class ModelFile
{
    /// <summary>Downloads a model into a file that <see cref="OutputFile.Prepare"/> named.</summary>
    /// <returns>The SHA-256 of the file as read back from this disk, 64 hexadecimal digits.</returns>
    /// <exception cref="TransferException">No node sent the whole, correct blob.</exception>
    public static async Task<string> DownloadAsync(
        ClusterConnections client, ModelStatus model, string path, TimeProvider time, CancellationToken token)
    {
        var replicas = client.Nodes.Select(node => node.Transfer).ToList();
        await new BlobDownload(replicas, new RetryRules(), time)
            .FetchAsync(BlobHash.FromBytes(model.Blob.Span), model.Length, path, null, token);
        await using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(file, token));
    }

    /// <summary>Reads a model from every node and compares the bytes with its hash.</summary>
    /// <returns>One result for each node, in the order of the hosts file.</returns>
    public static Task<Copy[]> ReadAllAsync(ClusterConnections client, ModelStatus model, CancellationToken token)
    {
        var blob = BlobHash.FromBytes(model.Blob.Span);
        return Task.WhenAll(client.Nodes.Select(async node =>
        {
            var (sent, hash) = await BlobProbe.ReadAsync(node.Transfer, blob, token);
            return !sent ? Copy.None : hash == blob ? Copy.Correct : Copy.Wrong;
        }));
    }
}

/// <summary>What a node sends for a model.</summary>
internal enum Copy
{
    None,
    Correct,

    /// <summary>Bytes with another hash, which a node must never send.</summary>
    Wrong,
}
