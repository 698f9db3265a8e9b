using Quorate.Shared.Protocol;

namespace Quorate.Cli.Show;

/// <summary>A published model as the line that people see.</summary>
internal static class RoundLine
{
    /// <param name="model">Of the trail, with its score or why it has none.</param>
    /// <param name="rounds">Rounds of the run.</param>
    /// <param name="trainers">Updates a full round has.</param>
    public static string Of(ModelStatus model, int rounds, int trainers)
    {
        string score = model.Score is { } s
            ? FormattableString.Invariant($"loss {s.Loss:0.000} · accuracy {100 * s.Accuracy:0.0} %")
            : $"not scored ({model.Unscored})";
        double seconds = (model.PublishedAt - model.OpenedAt) / 1000.0;
        return $"[ROUND {model.Round}/{rounds}] {model.Contributors}/{trainers} updates · {score} · "
            + FormattableString.Invariant(
                $"{seconds:0.0} s · model sha256:{Convert.ToHexStringLower(model.Blob.Span)[..4]}…");
    }

    /// <summary>True when there is nothing more to learn about the model.</summary>
    public static bool IsJudged(ModelStatus model) => model.Score is not null || model.Unscored.Length > 0;
}
