using System.CommandLine;
using Quorate.Client.Attending;
using Quorate.Settings;
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
                    $"--shard is missing: the id {trainer} is not a number, so say which shard of the data it has.");
            var members = HostsFile.Load(source.Get(line, TrainerSettings.Hosts));
            using var learner = new TorchLearner(
                trainer, shard, TrainerSettings.DataFolder(line), TrainerSettings.LoadTorch(line));
            await TrainerLoop.AttendAsync(settings, members, learner, Console.Out, Console.Error, cancellation);
            return ExitCode.Done;
        });
        return attend;
    }
}
