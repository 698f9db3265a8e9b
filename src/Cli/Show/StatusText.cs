using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Quorate.Shared.Protocol;
using Quorate.Shared.Runs;
using Quorate.Shared.Text;

namespace Quorate.Cli.Show;

/// <summary>The cluster's status as text, for people and for scripts.</summary>
internal static class StatusText
{
    private const string NoRun = "There is no run yet. Open one with `quorate run start FILE`.";

    /// <summary>Rows that a full screen keeps for models: a heading, two models, and how many more.</summary>
    private const int ModelRowsMin = 6;

    /// <summary>Runs beside the one that is shown, each in a row, so that nodes and reasons keep their place.</summary>
    private const int OthersMax = 4;

    private static readonly JsonFormatter _format = new(JsonFormatter.Settings.Default.WithFormatDefaultValues(true));

    /// <summary>
    /// <c>{ leader, nodes: [ { id, grpc, status } ], differences: [ sentence ] }</c>. The leader is null if no node
    /// leads. The status is the node's StatusReply in protobuf's JSON (hashes in base64, 64-bit numbers as strings), or
    /// null if the node does not answer.
    /// </summary>
    public static string Json(ClusterView view) => new JsonObject
    {
        ["leader"] = ClusterText.Leading(view.Nodes.Select(n => n.Reply))?.Node,
        ["nodes"] = new JsonArray([.. view.Nodes.Select(n => new JsonObject
        {
            ["id"] = n.Node.Id,
            ["grpc"] = n.Node.Grpc.ToString(),
            ["status"] = n.Reply is null ? null : JsonNode.Parse(_format.Format(n.Reply)),
        })]),
        ["differences"] = new JsonArray([.. view.Differences.Select(sentence => JsonValue.Create(sentence))]),
    }.ToJsonString(new JsonSerializerOptions { WriteIndented = false });

    /// <summary>Everything, for a stream or a terminal that scrolls.</summary>
    /// <param name="width">Columns of the terminal.</param>
    public static IEnumerable<string> Lines(ClusterView view, int width)
    {
        foreach (string line in Head(view, width)) yield return line;
        if (view.Newest is not { Run: not null } newest) yield break;
        foreach (string line in Trainers(newest)) yield return line;
        yield return "models, the newest first";
        foreach (string line in Models(newest.Run, width).Reverse().SelectMany(rows => rows)) yield return line;
    }

    /// <summary>
    /// The status in rows of a terminal, no more than it has. Nodes and reasons are always there; trainers and models
    /// share the rest, and what has no room is counted.
    /// </summary>
    public static IEnumerable<string> Screen(ClusterView view, int width, int height)
    {
        List<string> head = [.. Head(view, width).SelectMany(
            line => Rows.Wrap(PlainText.Escape(line), width, "  ").Select(row => Rows.Fit(row, width)))];
        if (view.Newest is not { Run: { } run } newest) return head;
        List<IReadOnlyList<string>> trainers =
            [.. Trainers(newest).Select(line => new[] { Rows.Fit(PlainText.Escape(line), width) })];
        List<IReadOnlyList<string>> models = [.. Models(run, width).Reverse()];
        int published = run.Trail.Count == 0 ? 0 : run.Trail[^1].Round + 1;
        int room = height - head.Count;
        int forModels = Math.Max(ModelRowsMin, room - trainers.Count) - 1;
        return
        [
            .. head, .. Rows.Few(trainers, room - 1 - Math.Min(forModels, 1 + models.Sum(rows => rows.Count))),
            "models, the newest first", .. Rows.Few(models, forModels, published),
        ];
    }

    /// <summary>All runs, oldest first, one a line.</summary>
    public static IEnumerable<string> Runs(IReadOnlyList<RunSummary> runs)
    {
        if (runs.Count == 0) yield return NoRun;
        foreach (var run in runs)
        {
            var opened = DateTimeOffset.FromUnixTimeMilliseconds(run.OpenedAt);
            string reason = $"  {run.Reason}{run.WaitingFor}".TrimEnd();
            yield return string.Create(CultureInfo.InvariantCulture,
                $"{run.Run,-20}  {ClusterText.Phase(run.Phase),-11}  round {run.Round}/{run.Rounds}  "
                + $"opened {opened:yyyy-MM-dd HH:mm:ss} UTC{reason}");
        }
    }

    /// <summary>One run with its trainers, updates and models.</summary>
    public static IEnumerable<string> Run(StatusReply from, int width)
    {
        yield return Title(from.Run);
        if (from.Run.WaitingFor.Length > 0) yield return $"why nothing happens: {from.Run.WaitingFor}";
        if (from.Run.Reason.Length > 0) yield return $"reason: {from.Run.Reason}";
        foreach (string line in Trainers(from)) yield return line;
        yield return "models";
        foreach (string line in Models(from.Run, width).SelectMany(rows => rows)) yield return line;
    }

    /// <summary>
    /// The models that a run lists, oldest first, each in one row. If the terminal is too narrow for that, a hash has
    /// a row of its own, because it must never be broken.
    /// </summary>
    public static IEnumerable<IReadOnlyList<string>> Models(RunStatus run, int width)
    {
        List<(string Start, string Hash, string Made, string Size)> models = [.. run.Trail.Select(model => (
            $"  round {model.Round,3}", Convert.ToHexStringLower(model.Blob.Span),
            PlainText.Escape(Made(run, model)), model.Kept ? Size(model.Length) : "not kept"))];
        bool narrow = models.Exists(m => Rows.Cells($"{m.Start}  {m.Hash}  {m.Made}  {m.Size}") > width);
        return models.Select(m => (IReadOnlyList<string>)(narrow
            ? [.. Rows.Wrap($"{m.Start}  {m.Made}", width, "    "), $"    {m.Hash}  {m.Size}"]
            : [$"{m.Start}  {m.Hash}  {m.Made}  {m.Size}"]));
    }

    /// <summary>The nodes, the run, and everything that stops them.</summary>
    private static IEnumerable<string> Head(ClusterView view, int width)
    {
        foreach (string sentence in view.Differences) yield return sentence;
        foreach (var (node, reply) in view.Nodes)
        {
            string known = reply is null ? "" : $"term {reply.Term}  index {reply.Index}  ";
            yield return Rows.Fit($"node {node.Id}  {ClusterText.Role(reply),-11}  {known}{node.Grpc}", width);
        }
        if (view.Newest is { } newest) yield return newest.Run is null ? NoRun : Title(newest.Run);
        foreach (string reason in view.Reasons) yield return reason;
        foreach (string line in Others(view.Newest)) yield return line;
    }

    /// <summary>The runs that have not ended, beside the one that is shown.</summary>
    private static IEnumerable<string> Others(StatusReply? newest)
    {
        List<RunSummary> others =
            [.. newest?.Runs.Where(run => run.Run != newest.Run.Run && !run.Phase.HasEnded()) ?? []];
        foreach (var run in others.Take(OthersMax))
            yield return $"run {run.Run}  {ClusterText.Phase(run.Phase)}  round {run.Round}/{run.Rounds}  "
                + run.WaitingFor;
        if (others.Count > OthersMax)
            yield return $"{PlainText.Count(others.Count - OthersMax, "more run")}: `quorate run list`";
    }

    private static string Title(RunStatus run)
    {
        string rest = run.Phase.HasEnded()
            ? ""
            : $"  {run.Updates.Count} of {PlainText.Count(Math.Max(run.Present, run.MinTrainers), "update")}  "
                + $"{PlainText.Count(run.Present, "trainer")} present, {run.MinTrainers} needed";
        return $"run {run.Run}  {ClusterText.Phase(run.Phase)}  round {run.Round}/{run.Rounds}{rest}";
    }

    private static IEnumerable<string> Trainers(StatusReply from)
    {
        var updates = from.Run.Updates.ToDictionary(update => update.Trainer);
        foreach (var trainer in ClusterText.Sorted(from.Run.Trainers))
        {
            string update = updates.TryGetValue(trainer.Trainer, out var sent)
                ? $"  {Convert.ToHexStringLower(sent.Blob.Span)[..12]}"
                : "";
            string missed = trainer.NotAwaitedAfter > 0
                ? $"  not awaited after {PlainText.Count(trainer.NotAwaitedAfter, "missed round")}"
                : "";
            yield return ($"  trainer {trainer.Trainer,-12} {PlainText.Count(trainer.Examples, "example"),18}  "
                + $"{ClusterText.Activity(trainer, from)}{update}{missed}").TrimEnd();
        }
    }

    private static string Made(RunStatus run, ModelStatus model) => model.Round == 0
        ? "initial model"
        : $"{PlainText.Count(model.Contributors, "update")}, {PlainText.Count(model.Examples, "example")}  "
            + Score(run, model);

    /// <summary>The score of a round's model. The initial model is never scored.</summary>
    private static string Score(RunStatus run, ModelStatus model)
    {
        if (model.Score is { } score) return ScoreText.Long(score);
        if (model.Unscored.Length > 0) return $"not scored ({model.Unscored})";
        return run.Phase is RunPhase.Stopped or RunPhase.Failed ? "not scored (the run has ended)" : "being scored";
    }

    private static string Size(long bytes) => bytes switch
    {
        < 1_000 => $"{bytes} B",
        < 1_000_000 => FormattableString.Invariant($"{bytes / 1e3:0.0} kB"),
        < 1_000_000_000 => FormattableString.Invariant($"{bytes / 1e6:0.0} MB"),
        _ => FormattableString.Invariant($"{bytes / 1e9:0.0} GB"),
    };
}
