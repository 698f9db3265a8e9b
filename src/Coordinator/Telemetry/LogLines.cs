using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;
using Quorate.Shared.Text;

namespace Quorate.Coordinator.Telemetry;

/// <summary>
/// One line for each log event: time of day in UTC, level, category, event id and message. Messages contain text from
/// the network, so everything passes through <see cref="PlainText.Escape"/>.
/// </summary>
internal sealed class LogLines() : ConsoleFormatter(FormatterName)
{
    public const string FormatterName = "quorate";

    public override void Write<TState>(
        in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        string level = logEntry.LogLevel switch
        {
            LogLevel.Trace => "trce",
            LogLevel.Debug => "dbug",
            LogLevel.Information => "info",
            LogLevel.Warning => "warn",
            LogLevel.Error => "fail",
            _ => "crit",
        };
        string message = logEntry.Formatter(logEntry.State, logEntry.Exception);
        string text = $"{logEntry.Category}[{logEntry.EventId.Id}] {message} {logEntry.Exception}"
            .TrimEnd().ReplaceLineEndings(" ");
        textWriter.WriteLine($"{TimeProvider.System.GetUtcNow():HH:mm:ss.fff} {level}: {PlainText.Escape(text)}");
    }
}
