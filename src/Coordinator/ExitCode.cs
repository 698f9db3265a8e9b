using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Disk;
using Quorate.Coordinator.Peering;
using Quorate.Coordinator.Settings;

namespace Quorate.Coordinator;

/// <summary>The program's exit codes. A supervisor should act on any but 0 and 2.</summary>
internal static class ExitCode
{
    public const int Stopped = 0;

    /// <summary>A flag, a file, a port or the data directory cannot be used as named; nothing was changed.</summary>
    public const int BadSettings = 2;

    /// <summary>Two replicas computed different models from the same updates.</summary>
    public const int Diverged = 3;

    /// <summary>
    /// The log or the disk under it failed, another build wrote the log, or a part of the program failed. Starting
    /// again is safe.
    /// </summary>
    public const int Broken = 4;

    /// <summary>The data directory is empty and the cluster remembers this node: see --rejoin.</summary>
    public const int RejoinRequired = 5;

    /// <summary>
    /// The code for a start that failed for a reason that the user can fix; null: a fault of the program.
    /// </summary>
    public static int? Of(Exception e) => e switch
    {
        SettingsException or DataDirectoryException or ListenException => BadSettings,
        LogDamagedException or DiskFullException => Broken,
        RejoinRequiredException => RejoinRequired,
        _ => null,
    };

    /// <summary>
    /// The code for a node that has stopped. The host logs a failed service and then stops as for a signal.
    /// </summary>
    /// <param name="asked">The code of <see cref="EmergencyStop"/>.</param>
    public static int Of(int asked, IEnumerable<IHostedService> services) =>
        asked == Stopped && services.OfType<BackgroundService>().Any(s => s.ExecuteTask is { IsFaulted: true })
            ? Broken
            : asked;
}
