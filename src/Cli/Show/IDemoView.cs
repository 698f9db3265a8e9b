using Quorate.Shared.Protocol;

namespace Quorate.Cli.Show;

internal enum Tone
{
    Plain,
    Round,
    Loud,
    Good,
    Bad,
}

/// <summary>What a view shows of the cluster at one moment.</summary>
/// <param name="Title">Which run of the demo this is.</param>
/// <param name="Nodes">Id and answer of every coordinator; null: it does not answer.</param>
/// <param name="Trainers">Trainer processes.</param>
internal sealed record Snapshot(string Title, IReadOnlyList<(int Id, StatusReply? Reply)> Nodes, int Trainers);

/// <summary>Where the demo is shown: a terminal, or a stream of plain lines.</summary>
internal interface IDemoView
{
    void Line(string text, Tone tone);

    void Show(Snapshot snapshot);
}
