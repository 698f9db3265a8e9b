using System.CommandLine;
using Quorate.Cli.Demo;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate demo</c>: a whole cluster on this machine, from start to trained model.</summary>
internal static class DemoCommand
{
    public static Command Build()
    {
        var run = new Option<string>("--run")
        {
            Description = "The run file",
            HelpName = "FILE",
            DefaultValueFactory = _ => Programs.Beside("config/runs/mnist.json"),
        };
        var rounds = QuorateCommand.Number(
            "--rounds", "Rounds to run (default: the run file's)", 1, Rounds.Limits.Rounds);
        var trainers = QuorateCommand.Number(
            "--trainers", "Trainer processes (default: the run file's minTrainers)", 1, 50);
        var coordinators = new Option<string>("--coordinators") { Description = "Coordinators: 3 or 5",
            DefaultValueFactory = _ => "3" };
        coordinators.AcceptOnlyFromAmong("3", "5");
        var killLeader = new Option<bool>("--kill-leader")
        {
            Description = "Run once undisturbed; then again, and kill -9 the leader while updates of round 2 arrive",
        };
        var kills = QuorateCommand.Number(
            "--kills", "Like --kill-leader, but kill this many leaders at moments drawn from --seed", 1, 100);
        var seed = QuorateCommand.Seed("Seed of --kills (default: 1)");
        var keep = new Option<string?>(
            "--keep") { Description = "Keep data, logs and model in this new or empty folder", HelpName = "DIR" };
        var json = new Option<bool>(
            "--json") { Description = "Print one JSON object as the last line of stdout; the rest goes to stderr" };
        var timeout = QuorateCommand.Number(
            "--timeout", "Seconds after which the demo gives up (default: 600)", 1, 86_400);

        var command = new Command(
            "demo", "Start a cluster on this machine and train a model, shown live on the terminal. It ends all its "
                + "processes.")
        {
            run, rounds, trainers, coordinators, killLeader, kills, seed, keep, json, timeout,
        };
        command.SetAction((parsed, token) =>
        {
            var options = new DemoOptions
            {
                RunFile = parsed.GetValue(run)!,
                Rounds = parsed.GetValue(rounds),
                Trainers = parsed.GetValue(trainers),
                Coordinators = parsed.GetValue(coordinators) == "5" ? 5 : 3,
                Kills = parsed.GetValue(kills) ?? (parsed.GetValue(killLeader) ? 1 : 0),
                KillSeed = parsed.GetValue(kills) is null ? null : parsed.GetValue(seed) ?? 1,
                Keep = parsed.GetValue(keep) is { } dir ? Path.GetFullPath(dir) : null,
                Json = parsed.GetValue(json),
                Timeout = TimeSpan.FromSeconds(parsed.GetValue(timeout) ?? 600),
            };
            return QuorateCommand.Guarded(t => new DemoShow(options, TimeProvider.System).RunAsync(t), token);
        });
        return command;
    }
}
