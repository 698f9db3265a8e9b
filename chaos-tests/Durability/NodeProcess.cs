using System.Diagnostics;
using System.Globalization;
using System.Threading.Channels;

namespace Quorate.ChaosTests.Durability;

/// <summary>One DurabilityNode process: commands go in, lines come out, and it can be killed with SIGKILL.</summary>
internal sealed class NodeProcess : IDisposable
{
    // Far above what three nodes say in a round; a full channel makes the reader wait and the node with it.
    private readonly Channel<string> _lines = Channel.CreateBounded<string>(100_000);
    private readonly Process _process;
    private readonly Task _reading;

    public NodeProcess(int node, IReadOnlyList<int> ports, string directory, IEnumerable<string> settings,
        Action<string> onAck)
    {
        Node = node;
        // Beside this program, or where a canary was built (scripts/chaos-canaries.sh).
        string program = Path.GetFullPath("DurabilityNode/release/Quorate.DurabilityNode.dll",
            Environment.GetEnvironmentVariable("QUORATE_CHAOS_PROGRAMS") is { Length: > 0 } built
                ? Path.GetFullPath(built)
                : Path.GetFullPath("../..", AppContext.BaseDirectory));
        var start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        foreach (string argument in (string[])[program, $"{node}", string.Join(',', ports), directory, .. settings])
            start.ArgumentList.Add(argument);
        _process = Process.Start(start) ?? throw new InvalidOperationException("The node does not start.");
        _reading = Task.WhenAll(ReadAsync(onAck), LogAsync(directory + ".log"));
    }

    public int Node { get; }

    /// <summary>Null while it runs, and after a kill of ours.</summary>
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
            // It is dead; whoever waits for its answer sees that.
        }
    }

    /// <summary>The rest of the next line that starts with <paramref name="word"/>; other lines are dropped.</summary>
    public async Task<string> HearAsync(string word, CancellationToken token)
    {
        await foreach (string line in _lines.Reader.ReadAllAsync(token))
            if (line.StartsWith(word, StringComparison.Ordinal)) return line[word.Length..].Trim();
        throw new InvalidOperationException($"Node {Node} ended (exit {_process.ExitCode}) before it said {word}.");
    }

    /// <summary>What its lines that start with <paramref name="word"/> say, up to END.</summary>
    public async Task<List<string>> HearAllAsync(string word, CancellationToken token)
    {
        var heard = new List<string>();
        await foreach (string line in _lines.Reader.ReadAllAsync(token))
        {
            if (line == "END") return heard;
            if (line.StartsWith(word, StringComparison.Ordinal)) heard.Add(line[word.Length..].Trim());
        }
        throw new InvalidOperationException(
            $"Node {Node} ended (exit {_process.ExitCode}) in the middle of an answer.");
    }

    /// <summary>SIGKILL; what it had said before still arrives.</summary>
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
