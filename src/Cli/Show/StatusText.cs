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
    /// <c>{ leader, nodes: [ { id, grpc, status } ] }</c>; leader is null where none leads, status is the node's
    /// StatusReply in
    /// protobuf's JSON (hashes in base64, 64-bit numbers as strings) and null where the node does not answer.
    /// </summary>
    public static string Json(IReadOnlyList<(Node Node, StatusReply? Reply)> nodes) => new JsonObject
    {
        ["leader"] = ClusterText.Leading(nodes.Select(n => n.Reply))?.Node,
        ["nodes"] = new JsonArray([.. nodes.Select(n => new JsonObject
        {
            ["id"] = n.Node.Id,
            ["grpc"] = n.Node.Grpc.ToString(),
            ["status"] = n.Reply is null ? null : JsonNode.Parse(_format.Format(n.Reply)),
        })]),
    }.ToJsonString(new JsonSerializerOptions { WriteIndented = false });

    public static IEnumerable<string> Lines(IReadOnlyList<(Node Node, StatusReply? Reply)> nodes)
    {
        foreach (var (node, reply) in nodes)
        {
            string known = reply is null ? "" : $"  term {reply.Term}  index {reply.Index}";
            yield return $"node {node.Id}  {node.Grpc,-21}  {ClusterText.Role(reply),-11}{known}";
        }
        int answering = nodes.Count(n => n.Reply is not null);
        if (ClusterText.Leading(nodes.Select(n => n.Reply)) is null)
        {
            yield return answering > nodes.Count / 2
                ? "No leader: an election is going on, or the nodes do not reach each other."
                : $"No quorum: read-only. {answering} of {nodes.Count} nodes answer, {nodes.Count / 2 + 1} are needed.";
        }
        if (ClusterText.Newest(nodes.Select(n => n.Reply)) is not { } newest) yield break;
        foreach (string note in newest.Notes) yield return $"note: {note}";
        if (newest.Run is null)
        {
            yield return "No run yet: open one with `quorate run FILE`.";
            yield break;
        }
        foreach (string line in Run(newest.Run)) yield return line;
    }

    public static IEnumerable<string> Trail(RunStatus run)
    {
        foreach (var model in run.Trail)
        {
            string made = model.Round == 0
                ? "initial model"
                : $"{model.Contributors} updates, {model.Examples} examples  {Score(run, model)}";
            yield return $"  round {model.Round,3}  {Convert.ToHexStringLower(model.Blob.Span)}  {model.Length,10} "
                + $"bytes  {made}";
        }
    }

    /// <summary>Of a model that a round made: the initial one is never scored.</summary>
    private static string Score(RunStatus run, ModelStatus model)
    {
        if (model.Score is { } s)
            return string.Create(CultureInfo.InvariantCulture,
                $"loss {s.Loss:0.000}  accuracy {100 * s.Accuracy:0.00} % of {s.Images}");
        if (model.Unscored.Length > 0) return $"not scored ({model.Unscored})";
        return run.Phase is RunPhase.Stopped or RunPhase.Failed ? "not scored (the run has ended)" : "being scored";
    }

    private static IEnumerable<string> Run(RunStatus run)
    {
        yield return $"run {run.Run}  {ClusterText.Phase(run.Phase)}  round {run.Round}/{run.Rounds}  "
            + $"{run.Present} trainers present, {run.MinTrainers} needed";
        if (run.WaitingFor.Length > 0) yield return $"why nothing moves: {run.WaitingFor}";
        if (run.Reason.Length > 0) yield return $"reason: {run.Reason}";
        foreach (var trainer in run.Trainers)
        {
            string progress = trainer is { Present: true, Accepted: false, Activity: not Activity.Idle }
                ? $" {100 * trainer.Progress:0} %"
                : "";
            yield return $"  trainer {trainer.Trainer,-12} {trainer.Examples,9} examples  "
                + $"{ClusterText.Activity(trainer)}{progress}";
        }
        if (run.Phase is RunPhase.Training or RunPhase.Aggregating || run.Updates.Count > 0)
            yield return $"{run.Updates.Count} updates of round {run.Round} accepted";
        foreach (var update in run.Updates)
            yield return $"  {update.Trainer,-12} {Convert.ToHexStringLower(update.Blob.Span)[..12]}  "
                + $"{update.Examples} examples";
        yield return "models";
        foreach (string line in Trail(run)) yield return line;
    }
}
