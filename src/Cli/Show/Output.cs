using Quorate.Shared.Text;

namespace Quorate.Cli.Show;

/// <summary>
/// Where the command line prints: a terminal, or a stream of plain lines. Everything that is printed passes through
/// <see cref="PlainText.Escape"/>, because most of it comes from nodes, trainers and files.
/// </summary>
/// <param name="Writer">Receives the escaped text.</param>
/// <param name="Size">Columns and rows of the terminal now; null: it is not a terminal.</param>
/// <param name="Colour">Whether colours are wanted.</param>
internal sealed record Output(TextWriter Writer, Func<(int Width, int Height)>? Size = null, bool Colour = false)
{
    public static Output Standard => Of(Console.Out, Console.IsOutputRedirected);

    public static Output Errors => Of(Console.Error, Console.IsErrorRedirected);

    public bool IsTerminal => Size is not null;

    /// <summary>Columns for text; without a terminal, lines are never broken.</summary>
    public int Width => Size?.Invoke().Width ?? int.MaxValue;

    /// <summary>One line; on a terminal, in as many rows as it needs.</summary>
    public void Line(string text)
    {
        foreach (string row in Rows.Wrap(PlainText.Escape(text), Width, "  ")) Writer.WriteLine(row);
    }

    /// <summary>One line that is never broken, such as a JSON object.</summary>
    public void Whole(string text) => Writer.WriteLine(PlainText.Escape(text));

    public void Lines(IEnumerable<string> lines)
    {
        foreach (string line in lines) Line(line);
    }

    private static Output Of(TextWriter writer, bool redirected)
    {
        bool terminal = !redirected && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");
        // https://no-color.org: any value that is not empty.
        bool colour = string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
        return terminal ? new Output(writer, Measure, colour) : new Output(writer);
    }

    /// <summary>A terminal that does not know its size has that of the first terminals.</summary>
    private static (int Width, int Height) Measure()
    {
        var (width, height) = (Console.WindowWidth, Console.WindowHeight);
        return width > 0 && height > 0 ? (width, height) : (80, 24);
    }
}
