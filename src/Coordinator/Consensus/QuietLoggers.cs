namespace Quorate.Coordinator.Consensus;

/// <summary>
/// Loggers for the library. While a member is down, it warns with a stack trace in every replication round, some 150 a
/// second under load. Here a warning of one kind passes once per <see cref="Window"/>, in one line, with the count of
/// those held back; errors pass whole; what is below a warning is dropped.
/// </summary>
internal sealed class QuietLoggers(ILoggerFactory inner, TimeProvider time) : ILoggerFactory
{
    public static readonly TimeSpan Window = TimeSpan.FromSeconds(30);

    public ILogger CreateLogger(string categoryName) => new Quiet(inner.CreateLogger(categoryName), time);

    public void AddProvider(ILoggerProvider provider) => inner.AddProvider(provider);

    public void Dispose()
    {
        // The inner factory belongs to whoever made it.
    }

    private sealed class Quiet(ILogger inner, TimeProvider time) : ILogger
    {
        private readonly Lock _gate = new();
        private readonly Dictionary<int, (long Since, int Held)> _kinds = [];

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
            if (Passes(eventId.Id) is not { } held) return;
            string text = formatter(state, exception);
            inner.Quieted(exception is null ? text : $"{text}: {exception.Message}", held, Window.TotalSeconds);
        }

        /// <summary>
        /// How many of this kind were held back since the last one passed; null: hold this one back too.
        /// </summary>
        private int? Passes(int kind)
        {
            long now = time.GetTimestamp();
            lock (_gate)
            {
                bool known = _kinds.TryGetValue(kind, out var seen);
                if (known && time.GetElapsedTime(seen.Since, now) < Window)
                {
                    _kinds[kind] = (seen.Since, seen.Held + 1);
                    return null;
                }
                _kinds[kind] = (now, 0);
                return seen.Held;
            }
        }
    }
}
