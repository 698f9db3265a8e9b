using Quorate.Coordinator.Telemetry;

namespace Quorate.Coordinator.Driving;

/// <summary>
/// Stops this node rather than carry on in doubt: the first reason is logged, the exit code says which kind it was,
/// and a supervisor starts the process again. The other replicas go on.
/// </summary>
internal sealed partial class EmergencyStop(IHostApplicationLifetime lifetime, ILogger<EmergencyStop> logger)
{
    private int _code;

    /// <summary>What the process should exit with; 0 unless stopped here.</summary>
    public int Code => Volatile.Read(ref _code);

    /// <summary>Two replicas disagree about a model.</summary>
    public void Diverged(string what) => Stop(ExitCode.Diverged, what);

    /// <summary>The log or the disk under it failed.</summary>
    public void Broken(Exception why) => Stop(ExitCode.Broken, why.Message);

    private void Stop(int code, string why)
    {
        if (Interlocked.CompareExchange(ref _code, code, 0) != 0) return;
        LogStopping(code, why);
        // At once where the node has started. A host that is stopped while it starts ends in an exception instead.
        lifetime.ApplicationStarted.Register(lifetime.StopApplication);
    }

    [LoggerMessage(EventIds.EmergencyStop, LogLevel.Critical, "This node stops with exit code {Code}: {Why}")]
    private partial void LogStopping(int code, string why);
}
