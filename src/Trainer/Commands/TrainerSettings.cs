using System.CommandLine;
using Quorate.Rounds;
using Quorate.Settings;
using Quorate.Shared.Runs;
using Quorate.Trainer.Native;
using static TorchSharp.torch;
using Command = System.CommandLine.Command;

namespace Quorate.Trainer.Commands;

/// <summary>
/// The trainer's settings, each declared once: the flag, the QUORATE_ variable, the check, the usage text and
/// docs/SETTINGS.md follow from that. What only one command takes, such as <c>--out</c>, is declared there.
/// </summary>
internal static class TrainerSettings
{
    private static readonly SettingKind<TrainerId> _trainerId = new()
    {
        Rule = "1 to 63 characters of A-Z a-z 0-9 . _ -, the first a letter or a digit",
        Range = "1 to 63 of `A-Z a-z 0-9 . _ -`", Hint = "ID", Show = id => $"`{id}`",
        TryRead = (string text, out TrainerId id) => TrainerId.TryParse(text, out id),
    };

    public static readonly Setting<TrainerId> Id = Setting.Required("id", _trainerId,
        "this trainer's stable name, such as 0 or ward-7");

    public static readonly Setting<string> Hosts = Setting.Of("hosts", SettingKinds.Text("a file", "FILE"),
        "config/hosts.json", "the coordinators' addresses");

    public static readonly Setting<int> Shard = Setting.Optional("shard", SettingKinds.Whole(0, Limits.Trainers - 1),
        "the id, where it is a number", "which shard of the run's data it trains on");

    public static readonly Setting<string> Work = Setting.Optional("work", SettingKinds.Text("a folder", "DIR"),
        "`run/trainer-ID`", "the round's model and update are here");

    public static readonly Setting<bool> Once = Setting.Of("once", SettingKinds.Switch, false,
        "leave when the run has ended, instead of waiting for the next");

    public static readonly Setting<string> Data = Setting.Optional("data", SettingKinds.Text("a folder", "DIR"),
        "the run's `training.data.path`", "the data set's folder");

    public static readonly Setting<string> Device = Setting.Of("device",
        SettingKinds.Text("`auto`, `cpu`, `cuda`, `cuda:N`", "DEVICE"), Devices.Auto,
        "where the model is trained; `auto` is the first CUDA device, or the CPU where there is none");

    public static readonly Setting<string> Libtorch = Setting.Optional("libtorch",
        SettingKinds.Text("a folder", "DIR"), "the build's own", "a libtorch 2.10");

    /// <summary>The run of a command that works without a cluster.</summary>
    private static readonly Setting<string> _run = Setting.Required("run", SettingKinds.Text("a file", "FILE"),
        "the run file, such as config/runs/mnist.json");

    /// <summary>The settings of an attending trainer.</summary>
    public static IReadOnlyList<Setting> Attending { get; } = [Id, Hosts, Shard, Work, Once, Data, Device, Libtorch];

    private static SettingSource Source => SettingSource.Process;

    public static Command WithRun(this Command command) => command.With(_run);

    public static Command With(this Command command, params IReadOnlyList<Setting> settings)
    {
        Source.Declare(command, settings);
        return command;
    }

    /// <summary>Gives the command flags that no environment variable sets.</summary>
    public static Command WithFlags(this Command command, params IReadOnlyList<Setting> settings)
    {
        SettingSource.Flags.Declare(command, settings);
        return command;
    }

    /// <exception cref="RunFileException">The file is wrong.</exception>
    /// <exception cref="TrainerException">The run has no section training.</exception>
    public static (RunFile Run, TrainingPlan Plan) LoadRun(ParseResult line)
    {
        string path = Source.Get(line, _run);
        var file = RunFile.Load(path);
        return (file, file.Training ?? throw new TrainerException(
            $"{path} has no section training, so there is nothing to do here."));
    }

    /// <summary>The folder that the user named; null for the run's own.</summary>
    public static string? DataFolder(ParseResult line) => Source.TryGet(line, Data, out string? folder) ? folder : null;

    /// <summary>Loads libtorch; for the CPU where the command has no --device.</summary>
    public static Device LoadTorch(ParseResult line, bool cpu = false)
    {
        TorchLibrary.Load(Source.TryGet(line, Libtorch, out string? folder) ? folder : null);
        return Devices.Choose(cpu ? "cpu" : Source.Get(line, Device));
    }
}
