namespace Quorate.Coordinator.Telemetry;

/// <summary>
/// Counts messages by kind. In each <see cref="Window"/> a few of a kind pass; the first one of a later window says how
/// many did not.
/// </summary>
/// <param name="burst">How many of a kind pass in one window.</param>
internal sealed class LogRepeats(int burst, TimeProvider time)
{
    public static readonly TimeSpan Window = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private readonly Dictionary<int, (long Since, int Passed, int Held)> _kinds = [];

    /// <param name="kind">The event's id.</param>
    /// <param name="more">To be appended to the message: empty, or how many of this kind were held back.</param>
    public bool Passes(int kind, out string more)
    {
        long now = time.GetTimestamp();
        int held = 0;
        lock (_gate)
        {
            if (!_kinds.TryGetValue(kind, out var seen) || time.GetElapsedTime(seen.Since, now) >= Window)
                (held, seen) = (seen.Held, (now, 0, 0));
            bool passes = seen.Passed < burst;
            _kinds[kind] = passes
                ? seen with { Passed = seen.Passed + 1 }
                : seen with { Held = seen.Held + 1 };
            more = held == 0 ? "" : $" ({held} more like this in the last {Window.TotalSeconds} s.)";
            return passes;
        }
    }
}

/// <summary>
/// Bounds how often a warning or an error is written, because a client can cause some of them as often as it likes. All
/// other messages pass.
/// </summary>
internal sealed class LimitedLoggers(ILoggerProvider inner, TimeProvider time) : ILoggerProvider
{
    /// <summary>In half a minute: enough to see what happens, and too few to fill a disk.</summary>
    public const int Burst = 20;

    public ILogger CreateLogger(string categoryName) =>
        new Limited(inner.CreateLogger(categoryName), new LogRepeats(Burst, time));

    public void Dispose() => inner.Dispose();

    private sealed class Limited(ILogger inner, LogRepeats repeats) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => inner.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => inner.IsEnabled(logLevel);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            string more = "";
            if (logLevel is not (LogLevel.Warning or LogLevel.Error) || repeats.Passes(eventId.Id, out more))
                inner.Log(logLevel, eventId, state, exception, (s, e) => formatter(s, e) + more);
        }
    }
}

internal static class LimitedLogging
{
    /// <summary>Limits all providers that are registered so far.</summary>
    public static ILoggingBuilder LimitRepeats(this ILoggingBuilder logging)
    {
        foreach (var provider in logging.Services.Where(s => s.ServiceType == typeof(ILoggerProvider)).ToList())
        {
            logging.Services.Remove(provider);
            logging.Services.AddSingleton<ILoggerProvider>(services => new LimitedLoggers(
                (ILoggerProvider)ActivatorUtilities.CreateInstance(services, provider.ImplementationType!),
                TimeProvider.System));
        }
        return logging;
    }
}
