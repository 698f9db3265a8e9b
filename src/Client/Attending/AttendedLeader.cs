using Quorate.Shared.Cluster;

namespace Quorate.Client.Attending;

/// <summary>
/// The leader that this trainer attends; uploads go there. A leader that hangs would hold an upload for as long as its
/// patience lasts, so an upload to it ends when another leader takes its place, and begins again there.
/// </summary>
internal sealed class AttendedLeader : IDisposable
{
    private volatile Reign? _current;

    /// <param name="Ended">Cancelled when another leader is attended.</param>
    public sealed record Reign(NodeConnection Node, CancellationTokenSource Ended);

    /// <summary>Null until a leader has been attended.</summary>
    public Reign? Current => _current;

    public void Attend(NodeConnection leader)
    {
        var before = _current;
        if (before?.Node == leader) return;
        _current = new Reign(leader, new CancellationTokenSource());
        before?.Ended.Cancel();
    }

    public void Dispose() => _current?.Ended.Dispose();
}
