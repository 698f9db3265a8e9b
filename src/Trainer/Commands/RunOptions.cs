using System.CommandLine;
using Quorate.Shared.Runs;
using Quorate.Trainer.Native;
using static TorchSharp.torch;

namespace Quorate.Trainer.Commands;

/// <summary>The options that the commands share, and what follows from them.</summary>
internal sealed class RunOptions
{
    private readonly Option<string> run = new("--run")
    {
        Description = "The run file (config/runs/*.json).",
        Required = true,
    };

    private readonly Option<string?> data = new("--data")
    {
        Description = "The data set's folder, instead of the run file's training.data.path.",
    };

    private readonly Option<string> device = new("--device")
    {
        Description = "auto, cpu, cuda or cuda:N.",
        DefaultValueFactory = _ => Devices.Auto,
    };

    private readonly Option<string?> libtorch = new("--libtorch")
    {
        Description = $"Folder of a libtorch 2.10, instead of the build's own (or {TorchLibrary.FolderVariable}).",
    };

    public void AddTo(Command command, bool withData = true, bool withRun = true)
    {
        if (withRun)
            command.Add(run);
        if (withData)
        {
            command.Add(data);
            command.Add(device);
        }

        command.Add(libtorch);
    }

    /// <exception cref="RunFileException">The file is wrong.</exception>
    /// <exception cref="TrainerException">It is a run without the section training.</exception>
    public (RunFile Run, TrainingPlan Plan) Load(ParseResult line)
    {
        string path = line.GetRequiredValue(run);
        RunFile file = RunFile.Load(path);
        return (file, file.Training ?? throw new TrainerException(
            $"{path} has no section training, so there is nothing to do here."));
    }

    public string DataFolder(ParseResult line, TrainingPlan plan) => DataFolder(line) ?? plan.Data.Path;

    /// <summary>Null: the one that the run names.</summary>
    public string? DataFolder(ParseResult line) => line.GetValue(data);

    /// <summary>Loads libtorch; on the CPU where the command has no --device.</summary>
    public Device LoadTorch(ParseResult line)
    {
        TorchLibrary.Load(line.GetValue(libtorch));
        return Devices.Choose(line.GetResult(device) is null ? "cpu" : line.GetRequiredValue(device));
    }
}
