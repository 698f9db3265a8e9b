using System.CommandLine;
using Quorate.Cli.Show;
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
        var hosts = QuorateCommand.LoadHosts(path);
        using var client = QuorateCommand.Connect(hosts);
        while (true)
        {
            var replies = await client.StatusAsync(new StatusRequest { Trail = 10 }, token);
            var differences = await client.DifferencesAsync(replies, token);
            var nodes = hosts.Nodes.Zip(replies).ToList();
            if (watch && !json && !Console.IsOutputRedirected) Console.Clear();
            if (json) Console.WriteLine(StatusText.Json(nodes, differences));
            else foreach (string line in StatusText.Lines(nodes, path, differences)) Console.WriteLine(line);
            if (!watch) return CodeOf(replies, differences);
            await Task.Delay(_watchPause, TimeProvider.System, token);
        }
    }

    /// <summary>Different histories break a promise, so they count more than a missing leader.</summary>
    public static ExitCode CodeOf(IEnumerable<StatusReply?> replies, IReadOnlyList<string> differences) =>
        differences.Count > 0 ? ExitCode.Differs
        : ClusterText.Leading(replies) is { Quorum: true } ? ExitCode.Ok
        : ExitCode.TimedOut;
}
