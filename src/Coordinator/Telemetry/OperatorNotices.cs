using System.Collections.Concurrent;

namespace Quorate.Coordinator.Telemetry;

/// <summary>
/// What an operator should know about this node, one sentence per topic: "Scoring is off: …". Shown in its status.
/// </summary>
internal sealed class OperatorNotices
{
    private readonly ConcurrentDictionary<string, string> _notices = new(StringComparer.Ordinal);

    public IEnumerable<string> All =>
        _notices.OrderBy(notice => notice.Key, StringComparer.Ordinal).Select(notice => notice.Value);

    /// <returns>True if the notice is new or changed.</returns>
    public bool Post(string topic, string sentence)
    {
        bool known = _notices.TryGetValue(topic, out string? old) && old == sentence;
        _notices[topic] = sentence;
        return !known;
    }

    public void Withdraw(string topic) => _notices.TryRemove(topic, out _);
}
