using System.Globalization;
using System.Text;
using Quorate.Shared.Protocol;
using Quorate.Shared.Text;

namespace Quorate.Cli.Show;

/// <summary>
/// A terminal: lines scroll above, and the cluster and its trainers are drawn below, in place. Disposing it erases the
/// part that is drawn in place.
/// </summary>
internal sealed class LiveView(Output output) : IDemoView, IDisposable
{
    private const int BarWidth = 30, NameWidthMax = 20;

    private const string Red = "31", Green = "32", Yellow = "33", Blue = "34", Grey = "90", Bold = "1";

    /// <summary>The rows drawn below, and their columns when they were drawn.</summary>
    private List<IReadOnlyList<Piece>> _live = [];
    private List<int> _drawn = [];

    /// <summary>A part of a row in one style.</summary>
    /// <param name="Style">Parameters of the escape sequence that selects it; empty for the terminal's own.</param>
    internal readonly record struct Piece(string Text, string Style = "");

    public void Line(string text, Tone tone)
    {
        var rows = Rows.Wrap(PlainText.Escape(text), Size.Width);
        Write(rows.Select(row => Paint([new Piece(row, Style(tone))])), _live);
    }

    public void Show(Snapshot snapshot)
    {
        var (width, height) = Size;
        Write([], [.. Draw(snapshot, width, height - 1)]);
    }

    public void Dispose() => Write([], []);

    /// <summary>The cluster in rows, at most as many as there is room for.</summary>
    public static IEnumerable<IReadOnlyList<Piece>> Draw(Snapshot snapshot, int width, int height)
    {
        var nodes = snapshot.Cluster.Nodes;
        Piece[] head =
        [
            new(PlainText.Escape(snapshot.Title), Bold), new(ClusterText.Leader(nodes.Select(node => node.Reply))),
            .. nodes.Select(node => Node(node.Node.Id, node.Reply)),
        ];
        var rows = Rows.Flow(head, piece => Rows.Cells(piece.Text), width).Select(Spaced).ToList();
        var newest = snapshot.Cluster.Newest;
        if (newest?.Run is { } run)
            rows.Add([new Piece(Rows.Fit(
                $"round {run.Round}/{run.Rounds} · {ClusterText.Phase(run.Phase)} · "
                + $"{run.Updates.Count}/{PlainText.Count(snapshot.Trainers, "update")}", width))]);
        rows.AddRange(snapshot.Cluster.Reasons.SelectMany(reason => Rows.Wrap(PlainText.Escape(reason), width))
            .Select(row => (IReadOnlyList<Piece>)[new Piece(row, Yellow)]));
        if (newest?.Run is not null) rows.AddRange(Bars(newest, width, height - rows.Count));
        return rows.Take(height);
    }

    private static IEnumerable<IReadOnlyList<Piece>> Bars(StatusReply from, int width, int room)
    {
        var trainers = ClusterText.Sorted(from.Run.Trainers).ToList();
        int shown = trainers.Count <= room ? trainers.Count : room - 1;
        int name = trainers.Select(trainer => trainer.Trainer.Length).Append(0).Max();
        name = Math.Min(name, NameWidthMax);
        foreach (var trainer in trainers.Take(shown)) yield return Bar(trainer, from, name, width);
        if (shown >= 0 && shown < trainers.Count)
            yield return [new Piece($"  … {trainers.Count - shown} more", Grey)];
    }

    private static IReadOnlyList<Piece> Bar(TrainerStatus trainer, StatusReply from, int name, int width)
    {
        double share = trainer.Accepted ? 1 : trainer.Present ? Math.Clamp(trainer.Progress, 0, 1) : 0;
        int filled = (int)(share * BarWidth);
        string colour = trainer.Accepted ? Green : trainer.Present ? Blue : Red;
        string rest = $" {PlainText.Escape(ClusterText.Activity(trainer, from))}";
        string start = $"  {Rows.Fit(PlainText.Escape(trainer.Trainer), name).PadRight(name)} ";
        return
        [
            new Piece(start), new Piece(new string('━', filled), colour),
            new Piece(new string('─', BarWidth - filled), Grey),
            new Piece(Rows.Fit(rest, width - start.Length - BarWidth)),
        ];
    }

    private static Piece Node(int id, StatusReply? reply)
    {
        string colour = reply switch
        {
            null => Red,
            { Leader: true } => Green,
            { Quorum: true } => Grey,
            _ => Yellow,
        };
        return new Piece($"● node {id} {ClusterText.Role(reply)}", colour);
    }

    private static IReadOnlyList<Piece> Spaced(IReadOnlyList<Piece> pieces) =>
        [.. pieces.SelectMany((piece, at) => at == 0 ? [piece] : new[] { new Piece("   "), piece })];

    private static string Style(Tone tone) => tone switch
    {
        Tone.Loud => "1;30;43",
        Tone.Good => "1;32",
        Tone.Bad => "1;31",
        Tone.Round => "",
        _ => Grey,
    };

    private (int Width, int Height) Size => output.Size!.Invoke();

    /// <summary>Writes lines above, and draws the live part below them. The cursor ends in the row below.</summary>
    private void Write(IEnumerable<string> above, List<IReadOnlyList<Piece>> live)
    {
        var text = new StringBuilder("\r");
        // A terminal that became narrower shows a row in several.
        int rows = _drawn.Sum(cells => Math.Max(1, (cells + Size.Width - 1) / Size.Width));
        if (rows > 0) text.Append(CultureInfo.InvariantCulture, $"\e[{rows}A");
        text.Append("\e[J");
        foreach (string line in above) text.Append(line).Append('\n');
        foreach (var row in live) text.Append(Paint(row)).Append('\n');
        output.Writer.Write(text);
        output.Writer.Flush();
        (_live, _drawn) = (live, [.. live.Select(row => row.Sum(piece => Rows.Cells(piece.Text)))]);
    }

    private string Paint(IReadOnlyList<Piece> row) => string.Concat(row.Select(
        piece => output.Colour && piece.Style.Length > 0 ? $"\e[{piece.Style}m{piece.Text}\e[0m" : piece.Text));
}
