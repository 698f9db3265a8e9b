using Google.Protobuf;
using Quorate.Shared.Protocol;

namespace Quorate.Shared.Cluster;

/// <summary>
/// Compares what coordinators answered to Hello. In one cluster all have the same members, the same cluster id, and the
/// same chain hash at each log index.
/// </summary>
public static class Histories
{
    /// <summary>One sentence for each pair of nodes that do not belong to one cluster; empty if all do.</summary>
    public static IReadOnlyList<string> Differences(IReadOnlyList<HelloReply> replies)
    {
        var found = new List<string>();
        for (int i = 0; i < replies.Count; i++)
            for (int j = i + 1; j < replies.Count; j++)
                if (Differ(replies[i], replies[j], out string sentence)) found.Add(sentence);
        return found;
    }

    private static bool Differ(HelloReply one, HelloReply other, out string sentence)
    {
        string both = $"nodes {one.Node} and {other.Node}";
        long at = DifferentIndex(one, other);
        sentence = at > 0
            ? $"DIFFERENT HISTORIES: {both} disagree at log index {at}. Stop both groups and keep the data of one."
            : !one.Members.SequenceEqual(other.Members)
                ? $"DIFFERENT CLUSTERS: {both} have different hosts files. Give all nodes the same file."
                : !one.Cluster.IsEmpty && !other.Cluster.IsEmpty && one.Cluster != other.Cluster
                    ? $"DIFFERENT CLUSTERS: {both} have different cluster ids. Check their data directories."
                    : "";
        return sentence.Length > 0;
    }

    /// <summary>The newest index that both remember with different hashes; 0: there is none.</summary>
    private static long DifferentIndex(HelloReply one, HelloReply other)
    {
        var known = new Dictionary<long, ByteString>();
        foreach (var link in one.Chain) known[link.Index] = link.Hash;
        return other.Chain.Where(link => known.TryGetValue(link.Index, out var hash) && hash != link.Hash)
            .Select(link => link.Index).DefaultIfEmpty(0).Max();
    }
}
