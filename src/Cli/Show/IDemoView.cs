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
/// <param name="Title">The name of this run of the demo.</param>
/// <param name="Cluster">The answers of all coordinators.</param>
/// <param name="Trainers">The number of trainer processes.</param>
internal sealed record Snapshot(string Title, ClusterView Cluster, int Trainers);

/// <summary>Where the demo is shown: a terminal, or a stream of plain lines.</summary>
internal interface IDemoView
{
    void Line(string text, Tone tone);

    void Show(Snapshot snapshot);
}

/// <summary>Plain lines, for pipes, files and terminals that cannot move their cursor.</summary>
internal sealed class PlainView(Output output) : IDemoView
{
    private string _leader = "";

    public void Line(string text, Tone tone) => output.Line(text);

    public void Show(Snapshot snapshot)
    {
        string leader = ClusterText.Leader(snapshot.Cluster.Nodes.Select(n => n.Reply));
        if (leader == _leader) return;
        _leader = leader;
        output.Line($"  {leader}");
    }
}
