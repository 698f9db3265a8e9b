using System.Globalization;
using System.Security.Cryptography;
using Quorate.Coordinator.Disk;
using Quorate.Shared.Protocol;

namespace Quorate.Coordinator.Peering;

/// <summary>
/// The identities of the coordinators, on disk: this data directory's own, and the one each peer had when it first
/// voted. A voter that lost its directory has lost its votes and could vote twice in one term; its peers remember the
/// old identity and notice. Invariant: only peers of the hosts file are remembered.
/// </summary>
internal sealed class Enrolment
{
    private readonly string _directory;
    private readonly HashSet<int> _members;
    private readonly Lock _gate = new();
    private readonly Dictionary<int, ulong> _peers;

    private Enrolment(string directory, ulong identity, Dictionary<int, ulong> peers, HashSet<int> members) =>
        (_directory, Identity, _peers, _members) = (directory, identity, peers, members);

    /// <summary>Random, drawn when the directory was created, never 0.</summary>
    public ulong Identity { get; }

    /// <param name="members">The ids of the other nodes.</param>
    /// <exception cref="DataDirectoryException">A file does not have the content this class wrote.</exception>
    public static Enrolment Open(string directory, params IEnumerable<int> members)
    {
        string identityPath = Path.Combine(directory, "identity"), peersPath = Path.Combine(directory, "peers");
        if (!File.Exists(identityPath))
            Write(directory, "identity",
                Text(BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))) | 1));
        var peers = new Dictionary<int, ulong>();
        foreach (string line in File.Exists(peersPath) ? File.ReadAllLines(peersPath) : [])
        {
            if (line.Split(' ') is not [var id, var text]
                || !int.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out int node))
                throw Damaged(peersPath);
            peers[node] = Parse(text, peersPath);
        }
        ulong own = Parse(File.ReadAllText(identityPath).Trim(), identityPath);
        return new Enrolment(directory, own, peers, [.. members]);
    }

    /// <summary>Answers a peer's Hello. If it asks to be enrolled, it is remembered first.</summary>
    /// <exception cref="IOException">The disk failed; the peer is not remembered.</exception>
    public (bool Enrolled, bool OtherIdentity) Answer(HelloRequest hello)
    {
        lock (_gate)
        {
            bool known = _peers.TryGetValue(hello.Node, out ulong identity);
            if (hello.Enrol && hello.Identity != 0 && _members.Contains(hello.Node)
                && (!known || (hello.Rejoin && identity != hello.Identity)))
            {
                var next = new Dictionary<int, ulong>(_peers) { [hello.Node] = hello.Identity };
                Write(_directory, "peers",
                    string.Concat(next.OrderBy(p => p.Key).Select(p => $"{p.Key} {Text(p.Value)}\n")));
                _peers[hello.Node] = identity = hello.Identity;
                known = true;
            }
            return (known && identity == hello.Identity, known && identity != hello.Identity);
        }
    }

    private static string Text(ulong identity) => identity.ToString("x16", CultureInfo.InvariantCulture);

    private static ulong Parse(string text, string path) =>
        ulong.TryParse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong value)
            ? value
            : throw Damaged(path);

    private static DataDirectoryException Damaged(string path) =>
        new($"{path} is damaged: move the data directory away and start this node with --rejoin.");

    /// <summary>
    /// Temporary file, flush, rename, flush of the directory: the old text or the new one, never a part.
    /// </summary>
    private static void Write(string directory, string name, string text)
    {
        string draft = Path.Combine(directory, name + ".new");
        using (var file = new FileStream(draft, FileMode.Create, FileAccess.Write))
        {
            file.Write(System.Text.Encoding.ASCII.GetBytes(text));
            file.Flush(flushToDisk: true);
        }
        File.Move(draft, Path.Combine(directory, name), overwrite: true);
        DurableDirectory.Flush(directory);
    }
}
