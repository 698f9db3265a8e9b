using Quorate.Shared.Protocol;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Quorate.Cli.Show;

/// <summary>A terminal: lines scroll above, the cluster and its trainers are shown live below.</summary>
internal sealed class LiveView(IAnsiConsole console, LiveDisplayContext live) : IDemoView
{
    private const int BarWidth = 30;

    /// <summary>
    /// Lines are written over the live part, so each is cut and padded to the terminal's width: otherwise the rest of
    /// an old, longer line would stay visible.
    /// </summary>
    public void Line(string text, Tone tone)
    {
        foreach (string line in Rows(text, console.Profile.Width - 1))
            console.MarkupLine($"[{Style(tone)}]{Markup.Escape(line)}[/]");
    }

    /// <summary>The text in rows of exactly this width, broken at spaces if possible.</summary>
    public static IEnumerable<string> Rows(string text, int width)
    {
        foreach (string line in text.Split('\n'))
        {
            string rest = line;
            while (rest.Length > width)
            {
                int end = rest.LastIndexOf(' ', width);
                if (end <= 0) end = width;
                yield return rest[..end].PadRight(width);
                rest = rest[end..].TrimStart();
            }
            yield return rest.PadRight(width);
        }
    }

    public void Show(Snapshot snapshot) => live.UpdateTarget(Draw(snapshot));

    public static IRenderable Draw(Snapshot snapshot)
    {
        var rows = new List<IRenderable>();
        string nodes = string.Join("   ", snapshot.Nodes.Select(n => Node(n.Id, n.Reply)));
        string leader = ClusterText.Leader(snapshot.Nodes.Select(n => n.Reply));
        rows.Add(new Markup($"[bold]{Markup.Escape(snapshot.Title)}[/]   {Markup.Escape(leader)}   {nodes}"));
        if (ClusterText.Newest(snapshot.Nodes.Select(n => n.Reply))?.Run is { } run)
        {
            string why = run.WaitingFor.Length > 0 ? $" · {run.WaitingFor}" : "";
            rows.Add(new Markup(Markup.Escape(
                $"round {run.Round}/{run.Rounds} · {ClusterText.Phase(run.Phase)} · "
                    + $"{run.Updates.Count}/{snapshot.Trainers} updates{why}")));
            foreach (var trainer in ClusterText.Sorted(run.Trainers).Take(20)) rows.Add(Bar(trainer));
        }
        return new Rows(rows);
    }

    private static Markup Bar(TrainerStatus trainer)
    {
        double share = trainer.Accepted ? 1 : trainer.Present ? Math.Clamp(trainer.Progress, 0, 1) : 0;
        int filled = (int)(share * BarWidth);
        string colour = trainer.Accepted ? "green" : trainer.Present ? "blue" : "red";
        return new Markup($"  {Markup.Escape(trainer.Trainer),-10} "
            + $"[{colour}]{new string('━', filled)}[/][grey]{new string('─', BarWidth - filled)}[/] "
            + Markup.Escape($"{100 * share,3:0} % {ClusterText.Activity(trainer, leading: true)}"));
    }

    private static string Node(int id, StatusReply? reply)
    {
        string colour = reply switch { null => "red", { Leader: true } => "green", { Quorum: true } => "grey",
            _ => "yellow" };
        return $"[{colour}]● node {id} {ClusterText.Role(reply)}[/]";
    }

    private static string Style(Tone tone) => tone switch
    {
        Tone.Loud => "bold black on yellow",
        Tone.Good => "bold green",
        Tone.Bad => "bold red",
        Tone.Round => "default",
        _ => "grey",
    };
}
