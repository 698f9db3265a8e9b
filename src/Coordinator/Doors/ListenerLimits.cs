using Quorate.Coordinator.Settings;
using Quorate.Shared.Processes;

namespace Quorate.Coordinator.Doors;

/// <summary>How many connections a node accepts, and how long it waits for their first bytes.</summary>
internal sealed record ListenerLimits
{
    /// <summary>Connections that wait in the kernel to be accepted, as many as in Kestrel's own listener.</summary>
    public const int Backlog = 512;

    /// <summary>
    /// With fewer open files, a node could not hold its libraries (200), its log, its blobs and a few connections.
    /// </summary>
    public const long OpenFilesMin = 512;

    /// <summary>Open connections of all kinds. Ten thousand trainers may attend with one connection each.</summary>
    public int ConnectionsMax { get; init; } = 16_384;

    /// <summary>
    /// Connections that have not sent their first bytes. One more closes the one that has been silent for longest.
    /// </summary>
    public int HandshakesMax { get; init; } = 256;

    /// <summary>Every client speaks first, and at once.</summary>
    public TimeSpan FirstBytesMax { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// The limits of this process. Half of the files that it may open are left to the log, the blobs and the peers: a
    /// process that runs out of them cannot even load its own libraries.
    /// </summary>
    /// <exception cref="SettingsException">The process may open too few files to run.</exception>
    public static ListenerLimits OfProcess() => For(StandardStreams.OpenFilesMax());

    /// <exception cref="SettingsException">They are too few to run.</exception>
    internal static ListenerLimits For(long openFilesMax)
    {
        if (openFilesMax < OpenFilesMin) throw new SettingsException(
            [$"This process may open {openFilesMax} files, and a node needs {OpenFilesMin}: raise the limit "
                + "(ulimit -n)."]);
        var limits = new ListenerLimits();
        return limits with { ConnectionsMax = (int)Math.Min(limits.ConnectionsMax, openFilesMax / 2) };
    }
}
