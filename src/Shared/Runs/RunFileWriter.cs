using System.Text;
using System.Text.Json;
using Quorate.Rounds;

namespace Quorate.Shared.Runs;

/// <summary><see cref="RunFile"/> to its one text: what <see cref="RunFileReader"/> reads, every key in one
/// order.</summary>
internal static class RunFileWriter
{
    public static string Write(RunFile run)
    {
        var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteString("name", run.Name.ToString());
            json.WriteNumber("rounds", run.Rules.Rounds);
            json.WriteNumber("minTrainers", run.Rules.MinTrainers);
            json.WriteNumber("minResults", run.Rules.MinResults);
            json.WriteNumber("deadlineSeconds", run.Rules.Deadline.TotalSeconds);
            json.WriteNumber("graceSeconds", run.Rules.Grace.TotalSeconds);
            json.WriteNumber("keepUpdateRounds", run.Rules.KeepUpdateRounds);
            json.WriteNumber("keepModels", run.Rules.KeepModels);
            // Their defaults stay unwritten, so that the text of runs from before these keys is still the same.
            if (run.Rules.MaxExamples != (run.Training?.Data.ShardExamples.Largest ?? 0))
                json.WriteNumber("maxExamples", run.Rules.MaxExamples);
            if (run.Rules.MaxShare < 1) json.WriteNumber("maxShare", run.Rules.MaxShare);
            if (run.Rules.MaxMissedRounds != RunFile.MaxMissedRoundsDefault)
                json.WriteNumber("maxMissedRounds", run.Rules.MaxMissedRounds);
            if (run.Rules.Initial != InitialModel.Coordinator)
                json.WriteString("initial", EnumNames.Of(run.Rules.Initial));
            json.WriteNumber("seed", run.Seed);
            if (run.Training is { } training)
                WriteTraining(json, training);
            if (run.Scoring is { } scoring)
            {
                json.WriteStartObject("scoring");
                json.WriteNumber("images", scoring.Images);
                // The default stays unwritten, so that the text of runs from before this key is still the same.
                if (run.Rules.ScoreMetric != RunRules.DefaultScoreMetric)
                    json.WriteString("metric", run.Rules.ScoreMetric);
                json.WriteEndObject();
            }

            run.Aggregation?.Write(json);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(bytes.ToArray());
    }

    private static void WriteTraining(Utf8JsonWriter json, TrainingPlan training)
    {
        json.WriteStartObject("training");
        json.WriteString("model", EnumNames.Of(training.Model));

        DataPlan data = training.Data;
        json.WriteStartObject("data");
        json.WriteString("set", EnumNames.Of(data.Set));
        json.WriteString("path", data.Path);
        json.WriteNumber("shards", data.Shards);
        if (data.ShardExamples.Each is [int all])
        {
            json.WriteNumber("shardExamples", all);
        }
        else
        {
            json.WriteStartArray("shardExamples");
            foreach (int examples in data.ShardExamples.Each) json.WriteNumberValue(examples);
            json.WriteEndArray();
        }

        json.WriteString("partition", EnumNames.Of(data.Partition));
        json.WriteString("normalise", EnumNames.Of(data.Normalise));
        json.WriteEndObject();

        json.WriteStartObject("local");
        (string key, int count) = training.Local switch
        {
            LocalWork.Epochs epochs => ("epochs", epochs.Count),
            LocalWork.Steps steps => ("steps", steps.Count),
            _ => throw new System.Diagnostics.UnreachableException(),
        };
        json.WriteNumber(key, count);
        json.WriteEndObject();

        json.WriteNumber("batch", training.Batch);

        OptimiserPlan optimiser = training.Optimiser;
        json.WriteStartObject("optimiser");
        json.WriteString("name", EnumNames.Of(optimiser.Name));
        json.WriteNumber("learningRate", optimiser.LearningRate);
        json.WriteNumber("momentum", optimiser.Momentum);
        json.WriteNumber("weightDecay", optimiser.WeightDecay);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
