using System.Globalization;

namespace Quorate.Chaos.Checking;

/// <summary>Compares what nodes hold. A violation is a sentence; an empty list means that there is none.</summary>
public static class DurabilityChecker
{
    /// <summary>Any two nodes must have the same chain hash at every index that both remember.</summary>
    /// <param name="chains">The lines "INDEX HASH" of each node.</param>
    public static List<string> Diverged(IReadOnlyList<IReadOnlyList<string>> chains)
    {
        var violations = new List<string>();
        var seen = new Dictionary<long, (int Node, string Hash)>();
        for (int node = 0; node < chains.Count; node++)
            foreach (string line in chains[node])
            {
                string[] words = line.Split(' ');
                long index = long.Parse(words[0], CultureInfo.InvariantCulture);
                if (!seen.TryAdd(index, (node, words[1])) && seen[index].Hash != words[1])
                    violations.Add(
                        $"At index {index}, nodes {seen[index].Node} and {node} have applied different histories.");
            }
        return violations;
    }

    /// <summary>Every node must hold everything that was acknowledged.</summary>
    /// <param name="acked">What clients were told is safe.</param>
    /// <param name="held">What each node holds.</param>
    public static List<string> Lost(IReadOnlyCollection<string> acked, IReadOnlyList<IReadOnlyCollection<string>> held)
    {
        var violations = new List<string>();
        for (int node = 0; node < held.Count; node++)
            foreach (string name in acked.Except(held[node]))
                violations.Add($"{name} was acknowledged, but node {node} does not hold it.");
        return violations;
    }
}
