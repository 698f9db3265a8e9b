using Quorate.Shared.Text;

namespace Quorate.Client.Attending;

/// <summary>A trainer's lines on its terminal, one for each event, with the time of day in UTC.</summary>
public sealed class Terminal(TimeProvider time, TextWriter output, string name)
{
    public void Say(string line) =>
        output.WriteLine($"{time.GetUtcNow():HH:mm:ss.fff} [trainer {name}] {PlainText.Escape(line)}");
}
