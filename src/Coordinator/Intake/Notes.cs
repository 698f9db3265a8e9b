using System.Collections.Concurrent;

namespace Quorate.Coordinator.Intake;

/// <summary>
/// What an operator should know about this node, a sentence each, said once a topic: "scoring is off: …".
/// </summary>
internal sealed class Notes
{
    private readonly ConcurrentDictionary<string, string> _notes = new(StringComparer.Ordinal);

    public IEnumerable<string> All =>
        _notes.OrderBy(note => note.Key, StringComparer.Ordinal).Select(note => note.Value);

    /// <returns>True when the note is new or changed.</returns>
    public bool Say(string topic, string sentence)
    {
        bool known = _notes.TryGetValue(topic, out string? old) && old == sentence;
        _notes[topic] = sentence;
        return !known;
    }

    public void Withdraw(string topic) => _notes.TryRemove(topic, out _);
}
