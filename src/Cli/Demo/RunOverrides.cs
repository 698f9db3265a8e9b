using Quorate.Shared.Runs;

namespace Quorate.Cli.Demo;

/// <summary>Applies the command line's changes to the demo's run file.</summary>
internal static class RunOverrides
{
    /// <summary>MNIST's training images; shards x examples must not exceed them.</summary>
    private const int TrainingImages = 60_000;

    /// <param name="run">As read from its file.</param>
    /// <param name="rounds">Null: as in the file.</param>
    /// <param name="trainers">Null: the file's minTrainers. Each trainer has its own shard; the shards get smaller if
    /// necessary.</param>
    /// <exception cref="RunFileException">The changed run breaks a rule.</exception>
    public static RunFile Apply(RunFile run, int? rounds, int? trainers)
    {
        int count = trainers ?? run.Rules.MinTrainers;
        var rules = run.Rules with { Rounds = rounds ?? run.Rules.Rounds, MinTrainers = count, MinResults = count };
        if (trainers is null) rules = rules with { MinResults = run.Rules.MinResults };
        var training = run.Training;
        if (training is not null)
        {
            int shards = trainers is null ? training.Data.Shards : count;
            var sizes = training.Data.ShardExamples;
            if (shards != training.Data.Shards || sizes.Sum(shards) > TrainingImages)
                sizes = Math.Min(sizes.Largest, TrainingImages / shards);
            // The demo's processes have another working directory than this one.
            string path = Programs.Beside(training.Data.Path);
            training = training with { Data = training.Data with { Shards = shards, ShardExamples = sizes,
                Path = path } };
        }
        return RunFile.Parse((run with { Rules = rules, Training = training }).Json, "The demo's run");
    }
}
