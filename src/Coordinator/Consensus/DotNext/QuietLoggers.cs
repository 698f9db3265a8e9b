using Quorate.Coordinator.Telemetry;

namespace Quorate.Coordinator.Consensus.DotNext;

/// <summary>
/// Loggers for the library. While a member is down, the library logs a warning with a stack trace in every replication
/// round, about 150 a second under load. Here one warning of each kind passes per <see cref="LogRepeats.Window"/>, in
/// one line. Errors pass unchanged; anything below a warning is dropped.
/// </summary>
internal sealed class QuietLoggers(ILoggerFactory inner, TimeProvider time) : ILoggerFactory
{
    public ILogger CreateLogger(string categoryName) =>
        new Quiet(inner.CreateLogger(categoryName), new LogRepeats(burst: 1, time));

    public void AddProvider(ILoggerProvider provider) => inner.AddProvider(provider);

    public void Dispose()
    {
        // The inner factory belongs to its creator.
    }

    private sealed class Quiet(ILogger inner, LogRepeats repeats) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning && inner.IsEnabled(logLevel);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel)) return;
            if (logLevel > LogLevel.Warning)
            {
                inner.Log(logLevel, eventId, state, exception, formatter);
                return;
            }
            if (!repeats.Passes(eventId.Id, out string more)) return;
            string text = formatter(state, exception).Replace(" is failed", " failed", StringComparison.Ordinal);
            if (exception is not null) text = $"{text}: {exception.Message}";
            inner.Library(text + more);
        }
    }
}
