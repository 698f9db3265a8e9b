using System.Diagnostics;
using System.Text;
using Quorate.Coordinator.Settings;
using Quorate.Shared.Processes;

namespace Quorate.Coordinator.Evaluation;

/// <summary>
/// A process of the trainer program in <c>serve</c> mode: it answers each line with a line until it is disposed. It
/// runs at a lower priority than the coordinator, and its output is bounded. Not safe for concurrent callers.
/// </summary>
internal sealed class TrainerChild : IDisposable
{
    private const int OutputCharsMax = 64 * 1024;

    /// <summary>
    /// Nice 10: the coordinator and trainers on the same machine come first, but scoring still makes progress.
    /// </summary>
    private const int Niceness = 10;

    private readonly Process _process;
    private readonly Task<string> _errors;
    private readonly Lock _gate = new();
    private readonly char[] _buffer = new char[4096];
    private bool _disposed;
    private int _start, _end;

    /// <exception cref="TrainerProgramException">The program did not start.</exception>
    public TrainerChild(string program)
    {
        try
        {
            _process = Process.Start(Command(program)) ?? throw new TrainerProgramException(
                $"{program} did not start.");
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new TrainerProgramException($"{program} did not start: {e.Message}");
        }
        _errors = ReadErrorsAsync(_process.StandardError);
    }

    /// <summary>Sends one line and returns the next line that the program prints.</summary>
    /// <exception cref="TrainerProgramException">It ended, or printed a line that is too long.</exception>
    /// <exception cref="OperationCanceledException">Cancelled. The process was killed, so its late answer cannot be
    /// taken for the answer to another request.</exception>
    public async Task<string> AskAsync(string line, CancellationToken token)
    {
        try
        {
            return await ExchangeAsync(line, token);
        }
        catch (InvalidOperationException) when (_disposed)
        {
            throw new TrainerProgramException("The trainer program was stopped: nothing needs its work any more.");
        }
    }

    /// <summary>Kills the process (kill -9); it has no state to save. A pending request fails.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed) return;
            Kill();
            _disposed = true;
            _process.Dispose();
        }
    }

    private async Task<string> ExchangeAsync(string line, CancellationToken token)
    {
        await using var end = token.Register(Kill);
        string? answer;
        try
        {
            await _process.StandardInput.WriteLineAsync(line);
            await _process.StandardInput.FlushAsync(CancellationToken.None);
            answer = await ReadLineAsync();
        }
        catch (IOException)
        {
            answer = null; // It ended before it read the whole line.
        }
        token.ThrowIfCancellationRequested();
        if (answer is not null) return answer;
        Kill();
        await _process.WaitForExitAsync(token);
        throw new TrainerProgramException(
            $"The trainer program ended with code {_process.ExitCode}: {(await _errors.WaitAsync(token)).Trim()}")
        { ExitCode = _process.ExitCode };
    }

    private void Kill()
    {
        lock (_gate)
        {
            if (!_disposed && !_process.HasExited) _process.Kill(entireProcessTree: true);
        }
    }

    private static ProcessStartInfo Command(string program)
    {
        var start = new ProcessStartInfo { RedirectStandardOutput = true, RedirectStandardError = true,
            RedirectStandardInput = true };
        string[] words = DotnetHost.Nice(Niceness, DotnetHost.Start(program));
        start.FileName = words[0];
        foreach (string word in words.Skip(1)) start.ArgumentList.Add(word);
        start.ArgumentList.Add("serve");
        start.Environment["OMP_NUM_THREADS"] = "1";
        // The child must not inherit the coordinator's settings: QUORATE_DATA, for one, has another meaning there.
        foreach (var setting in CoordinatorOptions.Settings) start.Environment.Remove(setting.Variable);
        // A coordinator killed with -9 cannot kill its child, but the child notices the end of its standard input.
        start.Environment.Remove("QUORATE_EXIT_ON_STDIN_CLOSE");
        return start;
    }

    /// <summary>The next line; null at the end of the output.</summary>
    private async Task<string?> ReadLineAsync()
    {
        var line = new StringBuilder();
        while (true)
        {
            int length = Array.IndexOf(_buffer, '\n', _start, _end - _start) - _start;
            line.Append(_buffer, _start, length >= 0 ? length : _end - _start);
            if (line.Length > OutputCharsMax)
                throw new TrainerProgramException($"The trainer program printed more than {OutputCharsMax} characters "
                    + "on a line.");
            if (length >= 0)
            {
                _start += length + 1;
                return line.ToString();
            }
            (_start, _end) = (0, await _process.StandardOutput.ReadAsync(_buffer));
            if (_end == 0) return null;
        }
    }

    /// <summary>
    /// Reads to the end and keeps only the last part, so a child that prints without end neither blocks nor fills
    /// memory.
    /// </summary>
    private static async Task<string> ReadErrorsAsync(StreamReader reader)
    {
        var kept = new StringBuilder();
        char[] buffer = new char[4096];
        for (int count; (count = await reader.ReadAsync(buffer)) > 0;)
        {
            kept.Append(buffer, 0, count);
            if (kept.Length > OutputCharsMax) kept.Remove(0, kept.Length - OutputCharsMax);
        }
        return kept.ToString();
    }
}
