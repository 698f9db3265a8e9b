using System.CommandLine;
using Quorate.Shared.Protocol;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate upgrade hold | release</c>: keeps the way back to an older build open, or closes it.</summary>
internal static class UpgradeCommand
{
    public static Command Build()
    {
        var hosts = QuorateCommand.Hosts();
        hosts.Recursive = true;
        return new Command("upgrade", "Hold the cluster's feature level during an upgrade, or let it rise.")
        {
            hosts,
            Build(hosts, "hold", held: true, "Hold the feature level, so that older builds can return.",
                "The feature level is held. `quorate upgrade release` lets it rise."),
            Build(hosts, "release", held: false, "Let the feature level rise once every node supports a higher one.",
                "The feature level rises once every node has supported a higher one for a minute."),
        };
    }

    private static Command Build(Option<string> hosts, string name, bool held, string description, string done)
    {
        var command = new Command(name, description);
        command.SetAction((parsed, token) => QuorateCommand.Guarded(
            t => RunCommands.ChangeClusterAsync(
                parsed.GetValue(hosts)!, done,
                (leader, key, options) => leader.HoldLevelAsync(
                    new HoldLevelRequest { Held = held, Key = key }, options), t),
            token));
        return command;
    }
}
