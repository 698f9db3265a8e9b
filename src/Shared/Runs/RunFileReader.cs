using System.Text;
using System.Text.Json;
using Quorate.Rounds;

namespace Quorate.Shared.Runs;

/// <summary>Text to <see cref="RunFile"/>: every key, its range, and what an absent one means.</summary>
internal static class RunFileReader
{
    private static readonly JsonDocumentOptions _strict = new()
    {
        CommentHandling = JsonCommentHandling.Skip,
        AllowDuplicateProperties = false,
        MaxDepth = 8,
    };

    public static RunFile Read(string json, string source)
    {
        var errors = new List<string>();
        RunFile? run = null;
        try
        {
            if (json.Length > RunFile.FileBytesMax)
                throw new RunFileException(source, [$"It is longer than {RunFile.FileBytesMax / 1024} KiB."]);
            using JsonDocument document = JsonDocument.Parse(json, _strict);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
                run = ReadRun(new JsonSection(document.RootElement, "", errors));
            else
                errors.Add("It must be one JSON object.");
        }
        catch (JsonException e)
        {
            errors.Add(JsonSection.NotJson(e));
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            // JSON's grammar allows half of a surrogate pair, escaped or not; a string of .NET does not.
            errors.Add("It contains an unpaired surrogate.");
        }

        if (errors.Count == 0 && Encoding.UTF8.GetByteCount(run!.Json) > RunFile.JsonBytesMax)
            errors.Add($"It is longer than {RunFile.JsonBytesMax / 1024} KiB without its comments.");
        return errors.Count == 0 ? run! : throw new RunFileException(source, errors);
    }

    private static RunFile ReadRun(JsonSection file)
    {
        int minTrainers = file.Int("minTrainers");
        var training = file.Section("training", required: false) is { } trained ? ReadTraining(trained) : null;
        var (scoring, metric) = file.Section("scoring", required: false) is { } section
            ? ReadScoring(section)
            : (null, RunRules.DefaultScoreMetric);
        var run = new RunFile
        {
            Name = ReadName(file),
            Rules = new RunRules
            {
                Rounds = file.Int("rounds"),
                MinTrainers = minTrainers,
                MinResults = file.Int("minResults", minTrainers),
                Deadline = file.Seconds("deadlineSeconds", 600),
                Grace = file.Seconds("graceSeconds", 0),
                KeepUpdateRounds = file.Int("keepUpdateRounds", 2),
                KeepModels = file.Int("keepModels", 10),
                ScoreMetric = metric,
                MaxExamples = file.Int(
                    "maxExamples", 1, (int)Limits.Examples, training?.Data.ShardExamples.Largest ?? 0),
                MaxShare = file.Number("maxShare", share => share is > 0 and <= 1, "a number above 0, up to 1", 1)
                    is var share and > 0 ? share : 1,
                MaxMissedRounds = file.Int("maxMissedRounds", RunFile.MaxMissedRoundsDefault),
                Initial = ReadInitial(file),
            },
            Seed = file.Whole("seed"),
            Training = training,
            Scoring = scoring,
            Aggregation = file.Section("aggregation", required: false) is { } aggregation
                ? AggregationSection.Read(aggregation)
                : null,
        };
        file.Refuse(run.Rules.Errors());
        if (training is not null && training.Data.Shards < minTrainers)
        {
            file.Refuse(
                "training.data.shards",
                $"must not be below minTrainers ({minTrainers}), and is {training.Data.Shards}: "
                + "a trainer has a shard of its own");
        }

        if (training is not null && run.Rules.ExamplesMax < training.Data.ShardExamples.Largest)
        {
            file.Refuse(
                "maxExamples",
                $"must not be below training.data.shardExamples ({training.Data.ShardExamples.Largest}), and is "
                + $"{run.Rules.MaxExamples}: a trainer has a whole shard");
        }

        if (run.Scoring is not null && training is null)
            file.Refuse("scoring", "needs the section training, which names model and data; remove it, or add that");
        file.RefuseUnknownKeys();
        return run;
    }

    private static InitialModel ReadInitial(JsonSection file) =>
        file.Text("initial", word => word is "upload" or "trainer", "\"upload\" or \"trainer\"", "") switch
        {
            "upload" => InitialModel.Upload,
            "trainer" => InitialModel.Trainer,
            _ => InitialModel.Coordinator,
        };

    private static TrainingPlan ReadTraining(JsonSection training)
    {
        var plan = new TrainingPlan(
            training.Word<ModelKind>("model"),
            training.Section("data", required: true) is { } data
                ? ReadData(data)
                : new DataPlan(default, "", Limits.Trainers, 1, default, default),
            training.Section("local", required: true) is { } local ? ReadLocal(local) : new LocalWork.Epochs(1),
            training.Int("batch", 1, 65_536),
            training.Section("optimiser", required: true) is { } optimiser
                ? ReadOptimiser(optimiser)
                : new OptimiserPlan(default, 0, 0, 0));
        training.RefuseUnknownKeys();
        return plan;
    }

    private static DataPlan ReadData(JsonSection data)
    {
        var plan = new DataPlan(
            data.Word<DataSetKind>("set"),
            data.Text(
                "path",
                text => text.Length is >= 1 and <= 1024 && !text.Contains('\0'),
                "a folder, up to 1024 characters long"),
            data.Int("shards", 1, Limits.Trainers, standIn: Limits.Trainers),
            data.Ints("shardExamples", 1, 1_000_000, most: Limits.Trainers),
            data.Word<Partitioning>("partition", Partitioning.Iid),
            data.Word<Normalisation>("normalise", Normalisation.None));
        int sizes = plan.ShardExamples.Each.Count;
        if (sizes > 1 && sizes != plan.Shards)
            data.Refuse("shardExamples", $"must have one number for each of the {plan.Shards} shards, and has {sizes}");
        data.RefuseUnknownKeys();
        return plan;
    }

    private static LocalWork ReadLocal(JsonSection local)
    {
        bool epochs = local.Has("epochs");
        bool steps = local.Has("steps");
        if (epochs == steps)
            local.Refuse("epochs", "or steps must be given, one of the two");
        LocalWork work = steps
            ? new LocalWork.Steps(local.Int("steps", 1, 1_000_000))
            : new LocalWork.Epochs(local.Int("epochs", 1, 1_000, epochs ? null : 1));
        local.RefuseUnknownKeys();
        return work;
    }

    private static OptimiserPlan ReadOptimiser(JsonSection optimiser)
    {
        var plan = new OptimiserPlan(
            optimiser.Word<OptimiserKind>("name"),
            optimiser.Number("learningRate", rate => rate is > 0 and <= 100, "a number above 0, up to 100"),
            optimiser.Number("momentum", momentum => momentum is >= 0 and < 1, "a number from 0 up to, without, 1", 0),
            optimiser.Number("weightDecay", decay => decay is >= 0 and <= 1, "a number from 0 to 1", 0));
        if (plan is { Name: OptimiserKind.Adam, Momentum: not 0 })
            optimiser.Refuse("momentum", "is a setting of sgd; adam has none, so remove it");
        optimiser.RefuseUnknownKeys();
        return plan;
    }

    private static (ScoringPlan? Plan, string Metric) ReadScoring(JsonSection scoring)
    {
        var plan = new ScoringPlan(scoring.Int("images", 1, 1_000_000));
        string metric = scoring.Text(
            "metric", Metrics.IsName,
            $"a metric's name, 1 to {Metrics.NameCharsMax} characters of a-z 0-9 _ . - "
            + $"(the lowest value is the best where it ends with {Metrics.Loss}, else the highest)",
            RunRules.DefaultScoreMetric);
        scoring.RefuseUnknownKeys();
        return (plan, metric);
    }

    private static RunId ReadName(JsonSection file)
    {
        RunId name = default;
        file.Text(
            "name",
            text => RunId.TryParse(text, out name),
            "1 to 63 characters of a-z 0-9 . _ -, the first a letter or a digit");
        return name;
    }
}
