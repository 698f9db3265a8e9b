using Quorate.Shared.Text;

namespace Quorate.Client.Attending;

/// <summary>
/// A trainer's lines, one for each event, with the time of day in UTC: what happens goes to <paramref name="output"/>,
/// what is wrong with this trainer to <paramref name="errors"/>. A line that cannot be written is lost: a log on a full
/// disk, or a reader that is gone, does not stop the training.
/// </summary>
public sealed class Terminal(TimeProvider time, TextWriter output, TextWriter errors, string name)
{
    public void Say(string line) => Write(output, line);

    public void Complain(string line) => Write(errors, line);

    private void Write(TextWriter writer, string line)
    {
        try
        {
            writer.WriteLine($"{time.GetUtcNow():HH:mm:ss.fff} [trainer {name}] {PlainText.Escape(line)}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            // The caller continues without this line.
        }
    }
}
