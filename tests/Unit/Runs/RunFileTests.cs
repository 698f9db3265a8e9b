using Quorate.Rounds;
using Quorate.Shared.Runs;

namespace Quorate.Unit.Runs;

public sealed class RunFileTests
{
    private const string Whole = """
        {
          // What a user may say about the run.
          "name": "mnist", "rounds": 5, "minTrainers": 5, "minResults": 4, "deadlineSeconds": 90.5, "graceSeconds": 2,
          "keepUpdateRounds": 3, "keepModels": 7, "maxExamples": 12000, "maxShare": 0.25, "maxMissedRounds": 2,
          "initial": "trainer", "seed": 18446744073709551615,
          "training": {
            "model": "lenet5",
            "data": { "set": "mnist", "path": "data/mnist", "shards": 6, "shardExamples": 10000,
                      "partition": "iid", "normalise": "mean-std" },
            "local": { "epochs": 2 },
            "batch": 32,
            "optimiser": { "name": "sgd", "learningRate": 0.05, "momentum": 0.9, "weightDecay": 0.0001 }
          },
          "scoring": { "images": 2000, "metric": "loss" }
        }
        """;

    [Fact]
    public void Every_key_is_read()
    {
        RunFile run = RunFile.Parse(Whole);

        Assert.Equal("mnist", run.Name.ToString());
        Assert.Equal(ulong.MaxValue, run.Seed);
        Assert.Equal(
            new RunRules
            {
                Rounds = 5,
                MinTrainers = 5,
                MinResults = 4,
                Deadline = TimeSpan.FromSeconds(90.5),
                Grace = TimeSpan.FromSeconds(2),
                KeepUpdateRounds = 3,
                KeepModels = 7,
                ScoreMetric = "loss",
                MaxExamples = 12_000,
                MaxShare = 0.25,
                MaxMissedRounds = 2,
                Initial = InitialModel.Trainer,
            },
            run.Rules);
        Assert.Equal(
            new TrainingPlan(
                ModelKind.Lenet5,
                new DataPlan(DataSetKind.Mnist, "data/mnist", 6, 10_000, Partitioning.Iid, Normalisation.MeanStd),
                new LocalWork.Epochs(2),
                32,
                new OptimiserPlan(OptimiserKind.Sgd, 0.05, 0.9, 0.0001)),
            run.Training);
        Assert.Equal(new ScoringPlan(2000), run.Scoring);
    }

    [Fact]
    public void The_canonical_text_is_one_line_and_reads_back_as_itself()
    {
        RunFile run = RunFile.Parse(Whole);

        Assert.DoesNotContain('\n', run.Json);
        Assert.Equal(run, RunFile.Parse(run.Json));
        Assert.Equal(run.Json, RunFile.Parse(run.Json).Json);
    }

    [Fact]
    public void Shards_may_have_unequal_numbers_of_examples()
    {
        string unequal = Whole.Replace("10000", "[9000, 500, 500, 1, 2, 3]", StringComparison.Ordinal);
        RunFile run = RunFile.Parse(unequal);

        var sizes = run.Training!.Data.ShardExamples;
        Assert.Equal((9000, 3, 9500L, 10_006L), (sizes.Of(0), sizes.Of(5), sizes.Sum(2), sizes.Sum(6)));
        Assert.Equal(run, RunFile.Parse(run.Json));
        Assert.NotEqual(run, RunFile.Parse(Whole));
        Assert.Contains("\"shardExamples\":10000,", RunFile.Parse(Whole).Json, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[10, 20]", "must have one number for each of the 6 shards, and has 2.")]
    [InlineData("[]", "must be an array of up to 20000 whole numbers from 1 to 1000000, and is [].")]
    [InlineData("[1, 2, 3, 4, 5, 0]",
        "must be an array of up to 20000 whole numbers from 1 to 1000000, and is [1, 2, 3, 4, 5, 0].")]
    [InlineData("\"all\"", "must be a whole number from 1 to 1000000, and is \"all\".")]
    public void Wrong_numbers_of_examples_are_the_only_error(string value, string rule)
    {
        string json = Whole.Replace("10000", value, StringComparison.Ordinal);
        string error = Assert.Single(Assert.Throws<RunFileException>(() => RunFile.Parse(json)).Errors);
        Assert.Equal($"training.data.shardExamples {rule}", error);
    }

    [Fact]
    public void The_best_model_is_chosen_by_accuracy_unless_scoring_names_another_metric()
    {
        RunFile run = RunFile.Parse(Whole.Replace(""", "metric": "loss" """.TrimEnd(), "", StringComparison.Ordinal));

        Assert.Equal("accuracy", run.Rules.ScoreMetric);
        Assert.DoesNotContain("metric", run.Json, StringComparison.Ordinal);
        Assert.Contains("\"metric\":\"loss\"", RunFile.Parse(Whole).Json, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"F1\"")]
    [InlineData("\"\"")]
    [InlineData("3")]
    public void A_score_metric_that_is_no_name_is_the_only_error(string value)
    {
        string json = Whole.Replace("\"metric\": \"loss\"", $"\"metric\": {value}", StringComparison.Ordinal);

        string error = Assert.Single(Assert.Throws<RunFileException>(() => RunFile.Parse(json)).Errors);
        Assert.Equal(
            "scoring.metric must be a metric's name, 1 to 63 characters of a-z 0-9 _ . - (the lowest value is the best "
            + $"where it ends with loss, else the highest), and is {value}.",
            error);
    }

    [Fact]
    public void A_run_may_leave_training_and_scoring_to_others()
    {
        RunFile run = RunFile.Parse("""{ "name": "somebody-elses", "rounds": 3, "minTrainers": 2, "seed": 0 }""");

        Assert.Null(run.Training);
        Assert.Null(run.Scoring);
        Assert.Equal(2, run.Rules.MinResults);
        Assert.Empty(run.Rules.Errors());
        Assert.Equal(run, RunFile.Parse(run.Json));
    }

    [Fact]
    public void The_rules_that_are_absent_have_their_defaults_and_stay_unwritten()
    {
        RunFile run = RunFile.Parse("""{ "name": "a", "rounds": 3, "minTrainers": 2, "seed": 0 }""");

        Assert.Equal((0, 1, 3, InitialModel.Coordinator),
            (run.Rules.MaxExamples, run.Rules.MaxShare, run.Rules.MaxMissedRounds, run.Rules.Initial));
        Assert.DoesNotContain("max", run.Json, StringComparison.Ordinal);
        Assert.DoesNotContain("initial", run.Json, StringComparison.Ordinal);
        RunFile planned = RunFile.Parse(Whole.Replace("\"maxExamples\": 12000,", "", StringComparison.Ordinal));
        Assert.Equal(10_000, planned.Rules.MaxExamples); // training.data.shardExamples
        Assert.DoesNotContain("maxExamples", planned.Json, StringComparison.Ordinal);
    }

    [Fact]
    public void A_share_that_the_fewest_updates_cannot_keep_is_refused()
    {
        var refusal = Assert.Throws<RunFileException>(() => RunFile.Parse(
            """{ "name": "a", "rounds": 3, "minTrainers": 5, "seed": 0, "maxShare": 0.1 }"""));
        Assert.Equal("maxShare times minResults (5) must be at least 1, and maxShare is 0.1.",
            Assert.Single(refusal.Errors));
    }

    [Fact]
    public void A_limit_that_refuses_every_trainer_of_the_plan_is_refused()
    {
        string low = Whole.Replace("\"maxExamples\": 12000", "\"maxExamples\": 9999", StringComparison.Ordinal);
        Assert.Equal(
            "maxExamples must not be below training.data.shardExamples (10000), and is 9999: a trainer has a whole "
            + "shard.",
            Assert.Single(Assert.Throws<RunFileException>(() => RunFile.Parse(low)).Errors));
    }

    [Fact]
    public void All_errors_are_named_at_once()
    {
        var refusal = Assert.Throws<RunFileException>(() => RunFile.Parse("""
            {
              "name": "Mnist!", "rounds": 0, "minTrainers": 5, "minResults": 6, "deadlineSeconds": "long", "seed": -1,
              "colour": "red",
              "training": {
                "model": "lenet6",
                "data": { "set": "mnist", "shards": 4, "shardExamples": 1.5, "partition": "iid", "scale": 1 },
                "local": { "epochs": 1, "steps": 4 },
                "optimiser": { "name": "adam", "learningRate": 0, "momentum": 0.9 }
              },
              "scoring": 2000
            }
            """));

        string[] keys = [.. refusal.Errors.Select(error => error[..error.IndexOf(' ', StringComparison.Ordinal)])];
        Assert.Equal(
            [
                "colour", "deadlineSeconds", "minResults", "name", "rounds", "scoring", "seed", "training.batch",
                "training.data.path", "training.data.scale", "training.data.shardExamples", "training.data.shards",
                "training.local.epochs", "training.model", "training.optimiser.learningRate",
                "training.optimiser.momentum",
            ],
            keys.Order(StringComparer.Ordinal));
        Assert.Contains(
            """training.model must be one of "lenet5", "simplecnn", "logistic", and is "lenet6".""", refusal.Errors);
        Assert.Contains("training.batch is missing; it must be a whole number from 1 to 65536.", refusal.Errors);
    }

    [Theory]
    [InlineData("rounds", "1.5")]
    [InlineData("rounds", "100001")]
    [InlineData("rounds", "null")]
    [InlineData("minTrainers", "20001")]
    [InlineData("minResults", "0")]
    [InlineData("deadlineSeconds", "0.9")]
    [InlineData("deadlineSeconds", "1e999")]
    [InlineData("graceSeconds", "-1")]
    [InlineData("keepUpdateRounds", "1001")]
    [InlineData("keepModels", "0")]
    [InlineData("seed", "18446744073709551616")]
    [InlineData("name", "\"\"")]
    [InlineData("training", "[]")]
    [InlineData("maxExamples", "0")]
    [InlineData("maxExamples", "536870912")]
    [InlineData("maxShare", "0")]
    [InlineData("maxShare", "1.5")]
    [InlineData("maxMissedRounds", "-1")]
    [InlineData("maxMissedRounds", "1001")]
    [InlineData("initial", "\"coordinator\"")]
    public void A_wrong_value_is_the_only_error(string key, string value)
    {
        var keys = new Dictionary<string, string>
        {
            ["name"] = "\"a\"",
            ["rounds"] = "1",
            ["minTrainers"] = "1",
            ["seed"] = "1",
            [key] = value,
        };
        string json = $"{{ {string.Join(", ", keys.Select(pair => $"\"{pair.Key}\": {pair.Value}"))} }}";

        string error = Assert.Single(Assert.Throws<RunFileException>(() => RunFile.Parse(json)).Errors);
        Assert.StartsWith($"{key} must be ", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("""{ "name": "a", "name": "b" }""")]
    [InlineData("""{ "name": "a" } { }""")]
    public void What_is_no_json_object_is_refused_in_one_sentence(string json)
    {
        var refusal = Assert.Throws<RunFileException>(() => RunFile.Parse(json));
        Assert.StartsWith("It ", Assert.Single(refusal.Errors), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\n  \"name\": oops }", "It is not JSON: line 2, byte 11: ")]
    public void Bad_json_is_refused_with_its_place_counted_from_one(string json, string start) => Assert.StartsWith(
        start, Assert.Single(Assert.Throws<RunFileException>(() => RunFile.Parse(json)).Errors),
        StringComparison.Ordinal);

    [Fact]
    public void A_missing_file_is_refused_by_its_name()
    {
        var refusal = Assert.Throws<RunFileException>(() => RunFile.Load("no/such/run.json"));
        Assert.Equal("There is no file no/such/run.json.", refusal.Message);
    }
}
