using System.Collections.Concurrent;
using Quorate.Rounds;
using Quorate.Shared.Protocol;

namespace Quorate.Coordinator.Intake;

/// <summary>
/// Who was heard from, when, and what it was doing: this leader's own memory, never replicated. A new leader starts
/// with an empty one and gives everybody a fresh lease.
/// </summary>
internal sealed class Attendance(TimeProvider time)
{
    private readonly ConcurrentDictionary<TrainerId, Sighting> _sightings = new();

    /// <param name="Incarnation">Which process.</param>
    /// <param name="Timestamp">When, in <see cref="TimeProvider.GetTimestamp"/> units.</param>
    /// <param name="Attending">True while its stream is open.</param>
    internal sealed record Sighting(
        ulong Incarnation, long Timestamp, bool Attending, Activity Activity, float Progress);

    public void Heard(TrainerId trainer, Heartbeat heartbeat) => _sightings[trainer] = new Sighting(
        heartbeat.Incarnation, time.GetTimestamp(), Attending: true, heartbeat.Activity,
        float.IsFinite(heartbeat.Progress) ? Math.Clamp(heartbeat.Progress, 0, 1) : 0);

    /// <summary>Its stream ended. Another incarnation may now take the id over; the lease itself runs on.</summary>
    public void Ended(TrainerId trainer, ulong incarnation)
    {
        if (_sightings.TryGetValue(trainer, out var last) && last.Incarnation == incarnation)
            _sightings.TryUpdate(trainer, last with { Attending = false, Activity = Activity.Idle }, last);
    }

    public Sighting? Find(TrainerId trainer) => _sightings.GetValueOrDefault(trainer);

    /// <summary>How long the trainer has been silent; null when this leader never heard from it.</summary>
    public TimeSpan? SilentFor(TrainerId trainer, ulong incarnation) =>
        Find(trainer) is { } last && last.Incarnation == incarnation ? time.GetElapsedTime(last.Timestamp) : null;

    /// <summary>A node that stops leading forgets: what it knew grows old from here.</summary>
    public void Clear() => _sightings.Clear();
}
