using System.CommandLine;
using System.Security.Cryptography;
using Quorate.Client.Attending;
using Quorate.Settings;
using Quorate.Shared.Cluster;
using Quorate.Shared.Hosts;
using Quorate.Trainer.Learning;

namespace Quorate.Trainer.Commands;

/// <summary><c>attend</c>, the default: joins the cluster's run and trains in its rounds.</summary>
internal static class AttendCommand
{
    public static Command Create()
    {
        var attend = new Command("attend", "Joins the cluster and trains in its rounds (the default).")
            .With(TrainerSettings.Attending);
        attend.SetAction(async (line, cancellation) =>
        {
            var source = SettingSource.Process;
            var trainer = source.Get(line, TrainerSettings.Id);
            var settings = new AttendSettings
            {
                Trainer = trainer, Once = source.Get(line, TrainerSettings.Once),
                WorkDirectory = source.TryGet(line, TrainerSettings.Work, out string? work)
                    ? work
                    : $"run/trainer-{trainer}",
            };
            if (!source.TryGet(line, TrainerSettings.Shard, out int shard) && !int.TryParse($"{trainer}", out shard))
                throw new TrainerException(
                    $"--shard is missing: the id {trainer} is no number, so say which shard of the data is its own.");
            var members = HostsFile.Load(source.Get(line, TrainerSettings.Hosts));
            using var learner = new TorchLearner(
                trainer, shard, TrainerSettings.DataFolder(line), TrainerSettings.LoadTorch(line));
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

    /// <summary>64 random bits tell this process from every other one under its id; 0 names no process.</summary>
    private static ulong DrawIncarnation() => BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))) | 1;
}
