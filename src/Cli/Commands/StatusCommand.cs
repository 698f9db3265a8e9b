using System.CommandLine;
using Quorate.Cli.Show;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate status</c>: who leads, what the run does, and why it does not where it does not.</summary>
internal static class StatusCommand
{
    private static readonly TimeSpan _watchPause = TimeSpan.FromSeconds(1);

    public static Command Build()
    {
        var hosts = QuorateCommand.Hosts();
        var json = new Option<bool>("--json") { Description = "One JSON object: every node's answer as it gave it" };
        var watch = new Option<bool>("--watch") { Description = "Show it again every second until Ctrl-C" };
        var command = new Command("status",
            "Show the nodes, the run, its trainers and updates, and why nothing moves if nothing does.")
        {
            hosts, json, watch,
        };
        command.SetAction((parsed, token) => QuorateCommand.Guarded(
            t =>
                ShowAsync(HostsFile.Load(parsed.GetValue(hosts)!), parsed.GetValue(json), parsed.GetValue(watch),
                    t), token));
        return command;
    }

    private static async Task<ExitCode> ShowAsync(HostsFile hosts, bool json, bool watch, CancellationToken token)
    {
        using var client = QuorateCommand.Connect(hosts);
        while (true)
        {
            var replies = await client.StatusAsync(new StatusRequest { Trail = 10 }, token);
            var nodes = hosts.Nodes.Zip(replies).ToList();
            if (watch && !json && !Console.IsOutputRedirected) Console.Clear();
            if (json) Console.WriteLine(StatusText.Json(nodes));
            else foreach (string line in StatusText.Lines(nodes)) Console.WriteLine(line);
            if (!watch) return ClusterText.Leading(replies) is { Quorum: true } ? ExitCode.Ok : ExitCode.TimedOut;
            await Task.Delay(_watchPause, TimeProvider.System, token);
        }
    }
}
