using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Quorate.Coordinator.Consensus.DotNext;
using Quorate.Coordinator.Telemetry;

namespace Quorate.Unit.Consensus;

public sealed class QuietLoggersTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly List<(LogLevel Level, string Text, Exception? Exception)> _lines = [];

    [Fact]
    public void A_warning_repeated_a_thousand_times_is_one_line_a_window_without_a_stack_trace()
    {
        var logger = Logger();
        for (int i = 0; i < 1000; i++) logger.Log(LogLevel.Warning, new EventId(7), new IOException("gone"), "down");
        var (_, text, exception) = Assert.Single(_lines);
        Assert.Contains("down: gone", text, StringComparison.Ordinal);
        Assert.Null(exception);

        logger.Log(LogLevel.Warning, new EventId(8), "another kind");
        Assert.Equal(2, _lines.Count);

        _time.Advance(LogRepeats.Window);
        logger.Log(LogLevel.Warning, new EventId(7), new IOException("gone"), "down");
        Assert.Contains("999 more like this", _lines[^1].Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Errors_pass_whole_and_information_does_not_pass()
    {
        var logger = Logger();
        logger.Log(LogLevel.Information, "chatter");
        logger.Log(LogLevel.Error, new IOException("broken"), "serious");
        logger.Log(LogLevel.Error, new IOException("broken"), "serious");
        Assert.Equal(2, _lines.Count);
        Assert.All(_lines, line => Assert.IsType<IOException>(line.Exception));
    }

    [Fact]
    public void An_error_that_a_client_causes_again_and_again_is_limited_and_counted()
    {
        using var limited = new LimitedLoggers(new Sink(_lines), _time);
        var logger = limited.CreateLogger("Doors");
        for (int i = 0; i < LimitedLoggers.Burst + 5; i++) logger.LogError(new EventId(7), "refused");
        Assert.Equal(LimitedLoggers.Burst, _lines.Count);
        Assert.All(_lines, line => Assert.Equal("refused", line.Text));

        _time.Advance(LogRepeats.Window);
        logger.LogError(new EventId(7), "refused");
        Assert.Equal("refused (5 more like this in the last 30 s.)", _lines[^1].Text);
        _time.Advance(LogRepeats.Window);
        logger.LogError(new EventId(7), "refused");
        Assert.Equal("refused", _lines[^1].Text); // Never "0 more".
    }

    [Fact]
    public void Information_and_what_ends_a_node_are_never_limited()
    {
        using var limited = new LimitedLoggers(new Sink(_lines), _time);
        var logger = limited.CreateLogger("Driving");
        for (int i = 0; i < 2 * LimitedLoggers.Burst; i++)
        {
            logger.LogInformation(new EventId(1), "published");
            logger.LogCritical(new EventId(2), "stopping");
        }
        Assert.Equal(4 * LimitedLoggers.Burst, _lines.Count);
    }

    private ILogger Logger()
    {
        var factory = LoggerFactory.Create(builder => builder.AddProvider(new Sink(_lines)));
        return new QuietLoggers(factory, _time).CreateLogger("DotNext");
    }

    private sealed class Sink(List<(LogLevel, string, Exception?)> lines) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;
        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) => lines.Add((logLevel, formatter(state, exception),
                exception));

        public void Dispose()
        {
        }
    }
}
