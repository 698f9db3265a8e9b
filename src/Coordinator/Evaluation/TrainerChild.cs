using System.Diagnostics;
using System.Text;
using Quorate.Coordinator.Settings;
using Quorate.Shared.Processes;

namespace Quorate.Coordinator.Evaluation;

/// <summary>
/// One process of the trainer program that answers a line with a line (<c>serve</c>), until it is disposed of. It is
/// niced below the coordinator and bounded in what it may print. For one caller at a time.
/// </summary>
internal sealed class TrainerChild : IDisposable
{
    private const int OutputCharsMax = 64 * 1024;

    /// <summary>Nice 10: the coordinator and the trainers next to it come first, and the score still arrives.</summary>
    private const string Niceness = "10";

    private static readonly string[] _nicePrograms = ["/usr/bin/nice", "/bin/nice"];

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

    /// <summary>The next line it prints, after it was told this one.</summary>
    /// <exception cref="TrainerProgramException">It ended, or printed a line beyond bounds.</exception>
    /// <exception cref="OperationCanceledException">It was killed, so that nobody takes its answer for another's.
    /// </exception>
    public async Task<string> AskAsync(string line, CancellationToken token)
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
            answer = null; // It ended before it had read all of the line.
        }
        token.ThrowIfCancellationRequested();
        if (answer is not null) return answer;
        Kill();
        await _process.WaitForExitAsync(token);
        throw new TrainerProgramException(
            $"The trainer program ended with code {_process.ExitCode}: {(await _errors.WaitAsync(token)).Trim()}")
        { ExitCode = _process.ExitCode };
    }

    /// <summary>kill -9: it has nothing to lose. Whoever waits for an answer hears that it ended.</summary>
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
        string[] words = DotnetHost.Start(program);
        if (_nicePrograms.FirstOrDefault(File.Exists) is { } nice) words = [nice, "-n", Niceness, .. words];
        start.FileName = words[0];
        foreach (string word in words.Skip(1)) start.ArgumentList.Add(word);
        start.ArgumentList.Add("serve");
        start.Environment["OMP_NUM_THREADS"] = "1";
        // This program's settings are not the child's: QUORATE_DATA, for one, means another folder there.
        foreach (var setting in CoordinatorOptions.Settings) start.Environment.Remove(setting.Variable);
        // A coordinator killed with -9 cannot kill its child; the child reads its input and so notices that it ended.
        start.Environment.Remove("QUORATE_EXIT_ON_STDIN_CLOSE");
        return start;
    }

    /// <summary>Null: it ended.</summary>
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
    /// Reads to the end and keeps the last part, so that a child that prints without end blocks nobody.
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
