using System.CommandLine;
using Quorate.Cli.Show;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate status</c>: the nodes, the run, and the reason if nothing happens.</summary>
internal static class StatusCommand
{
    private static readonly TimeSpan _watchPause = TimeSpan.FromSeconds(1);

    public static Command Build()
    {
        var hosts = QuorateCommand.Hosts();
        var json = new Option<bool>("--json") { Description = "Print one JSON object with the answers of all nodes" };
        var watch = new Option<bool>("--watch") { Description = "Repeat every second until Ctrl-C" };
        var command = new Command("status",
            "Show the nodes, the run with its trainers and updates, and the reason if nothing happens.")
        {
            hosts, json, watch,
        };
        command.SetAction((parsed, token) => QuorateCommand.Guarded(
            t => ShowAsync(parsed.GetValue(hosts)!, parsed.GetValue(json), parsed.GetValue(watch), t), token));
        return command;
    }

    private static async Task<ExitCode> ShowAsync(string path, bool json, bool watch, CancellationToken token)
    {
        var hosts = HostsFile.Load(path);
        using var client = QuorateCommand.Connect(hosts);
        var output = Output.Standard;
        if (watch && !json && output.IsTerminal) output.Writer.Write("\e[2J");
        while (true)
        {
            var replies = await client.StatusAsync(new StatusRequest { Trail = 10 }, token);
            var differences = await client.DifferencesAsync(replies, token);
            var view = new ClusterView([.. hosts.Nodes.Zip(replies)], path, differences);
            if (json) output.Whole(StatusText.Json(view));
            else if (watch && output.IsTerminal) Redraw(output, view);
            else output.Lines(StatusText.Lines(view, output.Width));
            if (!watch) return CodeOf(replies, differences);
            await Task.Delay(_watchPause, TimeProvider.System, token);
        }
    }

    /// <summary>Draws over the last status without clearing the terminal, which would flicker.</summary>
    public static void Redraw(Output output, ClusterView view)
    {
        var (width, height) = output.Size!.Invoke();
        // The last row stays free for the cursor, and for the shell after Ctrl-C.
        var rows = StatusText.Screen(view, width, height - 1).Take(height - 1);
        output.Writer.Write($"\e[H{string.Concat(rows.Select(row => $"{row}\e[K\n"))}\e[J");
        output.Writer.Flush();
    }

    /// <summary>Different histories break a promise, so they count more than a missing leader.</summary>
    public static ExitCode CodeOf(IEnumerable<StatusReply?> replies, IReadOnlyList<string> differences) =>
        differences.Count > 0 ? ExitCode.Differs
        : ClusterText.Leading(replies) is { Quorum: true } ? ExitCode.Ok
        : ExitCode.TimedOut;
}
