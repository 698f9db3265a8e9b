using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;

namespace Quorate.Cli.Show;

/// <summary>The cluster's status as text, for people and for scripts.</summary>
internal static class StatusText
{
    private static readonly JsonFormatter _format = new(JsonFormatter.Settings.Default.WithFormatDefaultValues(true));

    /// <summary>
    /// <c>{ leader, nodes: [ { id, grpc, status } ], differences: [ sentence ] }</c>. The leader is null if no node
    /// leads. The status is the node's StatusReply in protobuf's JSON (hashes in base64, 64-bit numbers as strings), or
    /// null if the node does not answer.
    /// </summary>
    /// <param name="differences">Between nodes that should be one cluster; empty: none.</param>
    public static string Json(
        IReadOnlyList<(Node Node, StatusReply? Reply)> nodes, IReadOnlyList<string>? differences = null) =>
        new JsonObject
    {
        ["leader"] = ClusterText.Leading(nodes.Select(n => n.Reply))?.Node,
        ["nodes"] = new JsonArray([.. nodes.Select(n => new JsonObject
        {
            ["id"] = n.Node.Id,
            ["grpc"] = n.Node.Grpc.ToString(),
            ["status"] = n.Reply is null ? null : JsonNode.Parse(_format.Format(n.Reply)),
        })]),
        ["differences"] = new JsonArray([.. (differences ?? []).Select(sentence => JsonValue.Create(sentence))]),
    }.ToJsonString(new JsonSerializerOptions { WriteIndented = false });

    /// <param name="hosts">The path of the hosts file, for the sentence if no node answers.</param>
    /// <param name="differences">Between nodes that should be one cluster; empty: none.</param>
    public static IEnumerable<string> Lines(
        IReadOnlyList<(Node Node, StatusReply? Reply)> nodes, string hosts, IReadOnlyList<string>? differences = null)
    {
        foreach (string sentence in differences ?? []) yield return sentence;
        foreach (var (node, reply) in nodes)
        {
            string known = reply is null ? "" : $"  term {reply.Term}  index {reply.Index}";
            yield return $"node {node.Id}  {node.Grpc,-21}  {ClusterText.Role(reply),-11}{known}";
        }
        foreach (string line in Problems(nodes, hosts)) yield return line;
        if (ClusterText.Newest(nodes.Select(n => n.Reply)) is not { } newest) yield break;
        foreach (string note in newest.Notes) yield return $"note: {note}";
        if (newest.LevelHeldBy.Length > 0)
            yield return $"Feature level {newest.FeatureLevel}; raise held by {newest.LevelHeldBy}.";
        if (newest.Run is null)
        {
            yield return "There is no run yet. Open one with `quorate run start FILE`.";
            yield break;
        }
        foreach (string line in Run(newest.Run, newest.Leader)) yield return line;
    }

    /// <summary>All runs, oldest first, one a line.</summary>
    public static IEnumerable<string> Runs(IReadOnlyList<RunSummary> runs)
    {
        if (runs.Count == 0) yield return "There is no run yet. Open one with `quorate run start FILE`.";
        foreach (var run in runs)
        {
            var opened = DateTimeOffset.FromUnixTimeMilliseconds(run.OpenedAt);
            string reason = run.Reason.Length > 0 ? $"  {run.Reason}" : "";
            yield return string.Create(CultureInfo.InvariantCulture,
                $"{run.Run,-20}  {ClusterText.Phase(run.Phase),-11}  round {run.Round}/{run.Rounds}  "
                + $"opened {opened:yyyy-MM-dd HH:mm:ss} UTC{reason}");
        }
    }

    /// <summary>One run with its trainers, updates and models.</summary>
    /// <param name="leading">Whether the leader gave the status.</param>
    public static IEnumerable<string> Run(RunStatus run, bool leading)
    {
        yield return $"run {run.Run}  {ClusterText.Phase(run.Phase)}  round {run.Round}/{run.Rounds}  "
            + $"{ClusterText.Count(run.Present, "trainer")} present, {run.MinTrainers} needed";
        if (run.WaitingFor.Length > 0) yield return $"why nothing happens: {run.WaitingFor}";
        if (run.Reason.Length > 0) yield return $"reason: {run.Reason}";
        foreach (var trainer in ClusterText.Sorted(run.Trainers))
        {
            string progress = leading && trainer is { Present: true, Accepted: false, Activity: not Activity.Idle }
                ? $" {100 * trainer.Progress:0} %"
                : "";
            yield return $"  trainer {trainer.Trainer,-12} {trainer.Examples,9} examples  "
                + (trainer.Fault.Length > 0 ? trainer.Fault : $"{ClusterText.Activity(trainer, leading)}{progress}")
                + (trainer.NotAwaitedAfter > 0
                    ? $"  not awaited after {ClusterText.Count(trainer.NotAwaitedAfter, "missed round")}"
                    : "");
        }
        if (run.Phase is RunPhase.Training or RunPhase.Aggregating || run.Updates.Count > 0)
            yield return $"{ClusterText.Count(run.Updates.Count, "update")} of round {run.Round} accepted";
        foreach (var update in run.Updates)
            yield return $"  {update.Trainer,-12} {Convert.ToHexStringLower(update.Blob.Span)[..12]}  "
                + $"{update.Examples} examples";
        yield return "models";
        foreach (string line in Trail(run)) yield return line;
    }

    public static IEnumerable<string> Trail(RunStatus run)
    {
        foreach (var model in run.Trail)
        {
            string made = model.Round == 0
                ? "initial model"
                : $"{ClusterText.Count(model.Contributors, "update")}, {model.Examples} examples  {Score(run, model)}";
            yield return $"  round {model.Round,3}  {Convert.ToHexStringLower(model.Blob.Span)}  {model.Length,10} "
                + $"bytes  {made}";
        }
    }

    /// <summary>What is wrong with the cluster as a whole, one sentence each.</summary>
    private static IEnumerable<string> Problems(IReadOnlyList<(Node Node, StatusReply? Reply)> nodes, string hosts)
    {
        var answers = nodes.Select(n => n.Reply).OfType<StatusReply>().ToList();
        int needed = nodes.Count / 2 + 1;
        if (answers.Count == 0)
            yield return $"No node answers. Are the coordinators running at the addresses in {hosts}?";
        else if (answers.Count < needed)
            yield return $"There is no quorum: only {answers.Count} of {ClusterText.Count(nodes.Count, "node")} "
                + $"answer{(answers.Count == 1 ? "s" : "")}, {needed} are needed. Nothing can be changed until then.";
        else if (ClusterText.Leading(answers) is null)
            yield return "There is no leader: an election is in progress, or the nodes cannot reach each other.";
    }

    /// <summary>The score of a round's model. The initial model is never scored.</summary>
    private static string Score(RunStatus run, ModelStatus model)
    {
        if (model.Score is { } score) return ScoreText.Long(score);
        if (model.Unscored.Length > 0) return $"not scored ({model.Unscored})";
        return run.Phase is RunPhase.Stopped or RunPhase.Failed ? "not scored (the run has ended)" : "being scored";
    }
}
