using Quorate.Coordinator.Telemetry;

namespace Quorate.Coordinator;

/// <summary>
/// Stops this node when it can no longer be trusted. The first reason is logged, the exit code says which kind it was,
/// and a supervisor starts the process again. The other replicas continue.
/// </summary>
internal sealed partial class EmergencyStop(IHostApplicationLifetime lifetime, ILogger<EmergencyStop> logger)
{
    private int _code;

    /// <summary>The exit code for the process; 0 unless stopped here.</summary>
    public int Code => Volatile.Read(ref _code);

    /// <summary>Two replicas disagree about a model.</summary>
    public void Diverged(string what) => Stop(ExitCode.Diverged, what);

    /// <summary>The log or the disk under it failed.</summary>
    public void Broken(Exception why) => Stop(ExitCode.Broken, why.Message);

    private void Stop(int code, string why)
    {
        if (Interlocked.CompareExchange(ref _code, code, 0) != 0) return;
        LogStopping(code, why);
        // Deferred until the node has started: stopping a host while it starts ends in an exception.
        lifetime.ApplicationStarted.Register(lifetime.StopApplication);
    }

    [LoggerMessage(EventIds.EmergencyStop, LogLevel.Critical, "This node stops with exit code {Code}: {Why}")]
    private partial void LogStopping(int code, string why);
}
