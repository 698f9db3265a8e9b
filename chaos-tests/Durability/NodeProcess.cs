using System.Diagnostics;
using System.Globalization;
using System.Threading.Channels;
using Quorate.Shared.Processes;

namespace Quorate.ChaosTests.Durability;

/// <summary>One DurabilityNode process: it reads commands, prints lines, and can be killed with SIGKILL.</summary>
internal sealed class NodeProcess : IDisposable
{
    // Far more lines than a node prints in a round. When the channel is full, the node has to wait.
    private readonly Channel<string> _lines = Channel.CreateBounded<string>(100_000);
    private readonly Process _process;
    private readonly Task _reading;

    public NodeProcess(int node, IReadOnlyList<int> ports, string directory, IEnumerable<string> settings,
        Action<string> onAck)
    {
        Node = node;
        string program = Path.Combine(ProgramProcess.Programs, "DurabilityNode/release/Quorate.DurabilityNode.dll");
        var start = new ProcessStartInfo(DotnetHost.Path)
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        foreach (string argument in (string[])[program, $"{node}", string.Join(',', ports), directory, .. settings])
            start.ArgumentList.Add(argument);
        _process = Process.Start(start) ?? throw new InvalidOperationException("The node does not start.");
        _reading = Task.WhenAll(ReadAsync(onAck), LogAsync(directory + ".log"));
    }

    public int Node { get; }

    /// <summary>Its exit code if it ended by itself; null while it runs and after <see cref="KillAsync"/>.</summary>
    public int? OwnExit => !Killed && _process.HasExited ? _process.ExitCode : null;

    public bool Killed { get; private set; }

    public void Tell(FormattableString command)
    {
        try
        {
            _process.StandardInput.WriteLine(command.ToString(CultureInfo.InvariantCulture));
            _process.StandardInput.Flush();
        }
        catch (IOException)
        {
            // It has ended; the caller that reads its answer notices.
        }
    }

    /// <summary>The rest of the next line that starts with <paramref name="word"/>; other lines are dropped.</summary>
    public async Task<string> ReadLineAsync(string word, CancellationToken token)
    {
        await foreach (string line in _lines.Reader.ReadAllAsync(token))
            if (line.StartsWith(word, StringComparison.Ordinal)) return line[word.Length..].Trim();
        throw new InvalidOperationException(
            $"Node {Node} ended with exit code {_process.ExitCode} before it printed {word}.");
    }

    /// <summary>The rest of all lines that start with <paramref name="word"/>, up to END.</summary>
    public async Task<List<string>> ReadLinesAsync(string word, CancellationToken token)
    {
        var lines = new List<string>();
        await foreach (string line in _lines.Reader.ReadAllAsync(token))
        {
            if (line == "END") return lines;
            if (line.StartsWith(word, StringComparison.Ordinal)) lines.Add(line[word.Length..].Trim());
        }
        throw new InvalidOperationException(
            $"Node {Node} ended with exit code {_process.ExitCode} in the middle of an answer.");
    }

    /// <summary>Sends SIGKILL; lines printed before it are still read.</summary>
    public async Task KillAsync(CancellationToken token)
    {
        Killed = !_process.HasExited;
        _process.Kill();
        await _process.WaitForExitAsync(token);
        await _reading.WaitAsync(token);
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.Dispose();
    }

    private async Task ReadAsync(Action<string> onAck)
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
            if (line.StartsWith("ACK ", StringComparison.Ordinal)) onAck(line.Split(' ')[1]);
            else await _lines.Writer.WriteAsync(line);
        _lines.Writer.Complete();
    }

    private async Task LogAsync(string file)
    {
        await using var log = new StreamWriter(file, append: true);
        while (await _process.StandardError.ReadLineAsync() is { } line) await log.WriteLineAsync(line);
    }
}
