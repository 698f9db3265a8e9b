using System.Globalization;

namespace Quorate.Benchmarks;

/// <summary>
/// The records of the attending trainers: when each received the announcement of each round, in ticks of the machine's
/// monotonic clock, and how often a stream broke or a membership was lost.
/// </summary>
internal sealed record Announcements(
    IReadOnlyDictionary<int, IReadOnlyList<long>> Received, int StreamsBroken, int MembershipsLost)
{
    /// <summary>Reads the output of <see cref="AttendantsCommand"/>, one event a line.</summary>
    public static Announcements Read(IEnumerable<string> logs)
    {
        var received = new Dictionary<int, List<long>>();
        int broken = 0, lost = 0;
        foreach (string line in logs.SelectMany(File.ReadLines))
            switch (line.Split(' '))
            {
                case ["received", var round, var ticks]:
                    int number = int.Parse(round, CultureInfo.InvariantCulture);
                    if (!received.TryGetValue(number, out var all)) received[number] = all = [];
                    all.Add(long.Parse(ticks, CultureInfo.InvariantCulture));
                    break;
                case ["broken", ..]: broken++; break;
                case ["lost", ..]: lost++; break;
            }
        return new Announcements(
            received.ToDictionary(pair => pair.Key, pair => (IReadOnlyList<long>)pair.Value), broken, lost);
    }

    /// <summary>
    /// Milliseconds from the first trainer that received the announcement of a round to each other one, for the rounds
    /// from <paramref name="first"/> to <paramref name="last"/>.
    /// </summary>
    public IEnumerable<double> LatenciesMs(int first, int last, long frequency) => Received
        .Where(round => round.Key >= first && round.Key <= last)
        .SelectMany(round =>
        {
            long earliest = round.Value.Min();
            return round.Value.Select(at => (at - earliest) * 1e3 / frequency);
        });
}
