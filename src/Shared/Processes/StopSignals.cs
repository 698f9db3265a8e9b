using System.Runtime.InteropServices;

namespace Quorate.Shared.Processes;

/// <summary>
/// Stops this process in good order on SIGINT and SIGTERM, and, if QUORATE_EXIT_ON_STDIN_CLOSE is 1, at the end of its
/// input: a child notices in this way that its parent was killed.
/// </summary>
public sealed class StopSignals : IDisposable
{
    private readonly IReadOnlyList<PosixSignalRegistration> _signals;

    public StopSignals(CancellationTokenSource stopping)
    {
        _signals = [.. new[] { PosixSignal.SIGINT,
            PosixSignal.SIGTERM }.Select(signal => PosixSignalRegistration.Create(
            signal, context =>
            {
                context.Cancel = true;
                stopping.Cancel();
            }))];
        if (Environment.GetEnvironmentVariable("QUORATE_EXIT_ON_STDIN_CLOSE") == "1") WatchInput(stopping);
    }

    public void Dispose()
    {
        foreach (var signal in _signals) signal.Dispose();
    }

    private static void WatchInput(CancellationTokenSource stopping) => new Thread(() =>
    {
        using var input = Console.OpenStandardInput();
        Span<byte> ignored = stackalloc byte[64];
        while (input.Read(ignored) > 0) { }
        stopping.Cancel();
    }) { IsBackground = true, Name = "parent watch" }.Start();
}
