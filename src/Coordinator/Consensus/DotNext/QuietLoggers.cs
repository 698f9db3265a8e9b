namespace Quorate.Coordinator.Consensus.DotNext;

/// <summary>
/// Loggers for the library. While a member is down, the library logs a warning with a stack trace in every replication
/// round, about 150 a second under load. Here one warning of each kind passes per <see cref="Window"/>, in one line,
/// with the number of those held back. Errors pass unchanged; anything below a warning is dropped.
/// </summary>
internal sealed class QuietLoggers(ILoggerFactory inner, TimeProvider time) : ILoggerFactory
{
    public static readonly TimeSpan Window = TimeSpan.FromSeconds(30);

    public ILogger CreateLogger(string categoryName) => new Quiet(inner.CreateLogger(categoryName), time);

    public void AddProvider(ILoggerProvider provider) => inner.AddProvider(provider);

    public void Dispose()
    {
        // The inner factory belongs to its creator.
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
            if (!Passes(eventId.Id, out int held)) return;
            string text = formatter(state, exception).Replace(" is failed", " failed", StringComparison.Ordinal);
            if (exception is not null) text = $"{text}: {exception.Message}";
            if (held == 0) inner.Library(text);
            else inner.LibraryRepeated(text, held, Window.TotalSeconds);
        }

        /// <param name="held">Warnings of this kind that were held back since the last one passed.</param>
        private bool Passes(int kind, out int held)
        {
            long now = time.GetTimestamp();
            lock (_gate)
            {
                bool known = _kinds.TryGetValue(kind, out var seen);
                held = seen.Held;
                bool passes = !known || time.GetElapsedTime(seen.Since, now) >= Window;
                _kinds[kind] = passes ? (now, 0) : (seen.Since, seen.Held + 1);
                return passes;
            }
        }
    }
}
