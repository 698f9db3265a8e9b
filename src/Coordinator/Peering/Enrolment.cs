using System.Globalization;
using System.Security.Cryptography;
using Quorate.Coordinator.Disk;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;

namespace Quorate.Coordinator.Peering;

/// <summary>
/// The identities of the coordinators, on disk: this data directory's own, and the one each peer had when it first
/// voted. A voter that lost its directory has lost its votes and could vote twice in one term; its peers remember the
/// old identity and notice. Invariant: only peers of the hosts file are remembered.
/// </summary>
internal sealed class Enrolment
{
    /// <summary>
    /// How often one peer's identity is written at most. A node that rejoins needs it once; each write costs the disk
    /// two flushes.
    /// </summary>
    public static readonly TimeSpan WriteEvery = TimeSpan.FromSeconds(10);

    private readonly string _directory;
    private readonly HashSet<int> _members;
    private readonly Lock _gate = new();
    private readonly Dictionary<int, ulong> _peers;
    private readonly Dictionary<int, long> _writtenAt = [];
    private readonly TimeProvider _time;
    private int _writing;

    private string RejoiningPath => Path.Combine(_directory, "rejoining");

    private Enrolment(string directory, ulong identity, Dictionary<int, ulong> peers, HashSet<int> members,
        TimeProvider time) =>
        (_directory, Identity, _peers, _members, _time) = (directory, identity, peers, members, time);

    /// <summary>Random, drawn when the directory was created, never 0.</summary>
    public ulong Identity { get; }

    /// <param name="members">The ids of the other nodes.</param>
    /// <exception cref="DataDirectoryException">A file does not have the content this class wrote.</exception>
    public static Enrolment Open(string directory, TimeProvider time, params IEnumerable<int> members)
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
        return new Enrolment(directory, own, peers, [.. members], time);
    }

    /// <summary>
    /// True from the start with <c>--rejoin</c> until all peers remember the new identity, also after a restart.
    /// </summary>
    public bool Rejoining => File.Exists(RejoiningPath);

    /// <summary>
    /// The member list with which this node last joined its cluster; null in a new directory, or one of an old build.
    /// </summary>
    public MemberList? AgreedMembers => File.Exists(Path.Combine(_directory, "members"))
        ? new MemberList(File.ReadAllLines(Path.Combine(_directory, "members")))
        : null;

    /// <exception cref="IOException">The disk failed.</exception>
    public void Agree(MemberList members)
    {
        if (AgreedMembers is { } agreed && agreed.IsSameAs(members)) return;
        Write(_directory, "members", string.Concat(members.Lines.Select(line => $"{line}\n")));
    }

    public void BeginRejoin() => Write(_directory, "rejoining", "");

    public void EndRejoin() => File.Delete(RejoiningPath);

    /// <summary>The identity enrolled for a peer; 0: none yet.</summary>
    public ulong IdentityOf(int peer)
    {
        lock (_gate) return _peers.GetValueOrDefault(peer);
    }

    /// <summary>
    /// Answers a peer's Hello. If it asks to be enrolled, it is remembered first, on a disk thread. Anybody can ask in
    /// a peer's name, so the node at the peer's address is asked whether it has this identity. Only one is written at a
    /// time, and each peer once in <see cref="WriteEvery"/>; others are answered as if they had not asked.
    /// </summary>
    /// <param name="identityAt">The identity of the node that answers at a peer's address; 0: none answers.</param>
    /// <exception cref="IOException">The disk failed; the peer is not remembered.</exception>
    public async Task<(bool Enrolled, bool OtherIdentity)> AnswerAsync(
        HelloRequest hello, Func<int, CancellationToken, Task<ulong>> identityAt, CancellationToken token)
    {
        if (MustWrite(hello) && Interlocked.Exchange(ref _writing, 1) == 0)
        {
            try
            {
                if (await identityAt(hello.Node, token) == hello.Identity)
                    await Task.Factory.StartNew(
                        () => Enrol(hello.Node, hello.Identity), token, TaskCreationOptions.DenyChildAttach,
                        DiskThreads.All);
            }
            finally
            {
                Volatile.Write(ref _writing, 0);
            }
        }
        ulong identity = IdentityOf(hello.Node);
        return (identity != 0 && identity == hello.Identity, identity != 0 && identity != hello.Identity);
    }

    private bool MustWrite(HelloRequest hello) =>
        hello.Enrol && hello.Identity != 0 && _members.Contains(hello.Node)
        && (IdentityOf(hello.Node) == 0 || (hello.Rejoin && IdentityOf(hello.Node) != hello.Identity))
        && IsDue(hello.Node);

    private bool IsDue(int node)
    {
        lock (_gate)
            return !_writtenAt.TryGetValue(node, out long last) || _time.GetElapsedTime(last) >= WriteEvery;
    }

    /// <summary>Called by one thread at a time.</summary>
    private void Enrol(int node, ulong identity)
    {
        Dictionary<int, ulong> next;
        lock (_gate)
        {
            _writtenAt[node] = _time.GetTimestamp();
            next = new Dictionary<int, ulong>(_peers) { [node] = identity };
        }
        Write(_directory, "peers", string.Concat(next.OrderBy(p => p.Key).Select(p => $"{p.Key} {Text(p.Value)}\n")));
        lock (_gate) _peers[node] = identity;
    }

    private static string Text(ulong identity) => identity.ToString("x16", CultureInfo.InvariantCulture);

    private static ulong Parse(string text, string path) =>
        ulong.TryParse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong value)
            ? value
            : throw Damaged(path);

    private static DataDirectoryException Damaged(string path) =>
        new($"{path} is damaged: move the data directory away and start this node with --rejoin.");

    private static void Write(string directory, string name, string text) =>
        DurableDirectory.WriteFile(Path.Combine(directory, name), text);
}
