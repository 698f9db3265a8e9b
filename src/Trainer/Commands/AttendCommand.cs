using System.CommandLine;
using System.Security.Cryptography;
using Quorate.Client.Attending;
using Quorate.Rounds;
using Quorate.Shared.Cluster;
using Quorate.Shared.Hosts;
using Quorate.Trainer.Learning;
using Command = System.CommandLine.Command;

namespace Quorate.Trainer.Commands;

/// <summary>
/// <c>attend</c>, and what <c>--id N</c> alone means: joins the cluster's run and trains in its rounds.
/// </summary>
internal static class AttendCommand
{
    public static Command Create()
    {
        var id = new Option<string>("--id") { Description = "This trainer's stable name, such as 0 or ward-7.",
            Required = true };
        var hosts = new Option<string>("--hosts")
        {
            Description = "The coordinators' addresses.", DefaultValueFactory = _ => "config/hosts.json",
        };
        var shard = new Option<int?>(
            "--shard") { Description = "Which shard of the run's data; otherwise the id, a number then." };
        var work = new Option<string?>(
            "--work") { Description = "Folder for models and updates; otherwise run/trainer-ID." };
        var once = new Option<bool>(
            "--once") { Description = "Leave when the run has ended, instead of waiting for the next." };
        var options = new RunOptions();
        var attend = new Command("attend", "Joins the cluster and trains in its rounds (the default).") { id, hosts,
            shard, work, once };
        options.AddTo(attend, withRun: false);
        attend.SetAction(async (line, cancellation) =>
        {
            string name = line.GetRequiredValue(id);
            if (!TrainerId.TryParse(name, out var trainer))
                throw new TrainerException(
                    $"--id {name} is no trainer id: use 1 to 63 of A-Z a-z 0-9 . _ - and start with a letter or "
                    + "a digit.");
            var settings = new AttendSettings
            {
                Trainer = trainer, WorkDirectory = line.GetValue(work) ?? $"run/trainer-{name}", Once = line.GetValue(
                    once),
            };
            var members = HostsFile.Load(line.GetRequiredValue(hosts));
            using var learner = new TorchLearner(trainer, line.GetValue(shard), options.DataFolder(line),
                options.LoadTorch(line));
            await RunAsync(settings, members, learner, cancellation);
            return ExitCode.Done;
        });
        return attend;
    }

    private static async Task RunAsync(
        AttendSettings settings, HostsFile hosts, TorchLearner learner, CancellationToken cancellation)
    {
        var time = TimeProvider.System;
        var terminal = new Terminal(time, Console.Out, settings.Trainer.ToString());
        var presence = new Presence(settings.Trainer, DrawIncarnation());
        using var cluster = new ClusterConnections(hosts, time);
        await using var worker = new RoundWorker(settings, cluster, learner, presence, terminal, time);
        await new TrainerLoop(settings, cluster, worker, presence, terminal, time).RunAsync(cancellation);
    }

    /// <summary>
    /// A process names itself with 64 random bits, so that it is told from every other one under its id; 0 names none.
    /// </summary>
    private static ulong DrawIncarnation() => BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))) | 1;
}
