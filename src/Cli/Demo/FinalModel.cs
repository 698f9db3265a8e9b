using System.Security.Cryptography;
using Quorate.Rounds;
using Quorate.Shared.Cluster;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;

namespace Quorate.Cli.Demo;

/// <summary>A model of the trail, brought from the cluster into a file.</summary>
internal static class FinalModel
{
    /// <returns>The SHA-256 of the file's bytes as they lie on this disk, 64 hexadecimal digits.</returns>
    /// <exception cref="TransferException">No replica gave the whole, right blob.</exception>
    public static async Task<string> FetchAsync(
        ClusterConnections client, ModelStatus model, string path, TimeProvider time, CancellationToken token)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var replicas = client.Nodes.Select(node => node.Transfer).ToList();
        await new BlobDownload(replicas, new RetryRules(), time)
            .FetchAsync(BlobHash.FromBytes(model.Blob.Span), model.Length, path, null, token);
        await using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(file, token));
    }
}
