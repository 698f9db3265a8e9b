namespace Quorate.Cli.Show;

/// <summary>Lines and nothing else, for pipes, files and terminals that cannot move their cursor.</summary>
internal sealed class PlainView(TextWriter writer) : IDemoView
{
    private string _leader = "";

    public void Line(string text, Tone tone) => writer.WriteLine(text);

    public void Show(Snapshot snapshot)
    {
        string leader = ClusterText.Leader(snapshot.Nodes.Select(n => n.Reply));
        if (leader == _leader) return;
        _leader = leader;
        writer.WriteLine($"  {leader}");
    }
}
