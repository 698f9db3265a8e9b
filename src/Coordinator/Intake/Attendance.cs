using System.Collections.Concurrent;
using Quorate.Coordinator.Settings;
using Quorate.Rounds;
using Quorate.Shared.Protocol;

namespace Quorate.Coordinator.Intake;

/// <summary>
/// Which trainers this leader has received heartbeats from, when, and what they were doing. A trainer attends once,
/// whatever the number of runs that it is a member of. Kept in memory and never
/// replicated: a new leader starts with nothing and gives every trainer a full lease.
/// </summary>
internal sealed class Attendance(CoordinatorOptions options, TimeProvider time)
{
    /// <summary>
    /// Keyed by process, not by id alone: a second process with the same id says nothing about the first.
    /// </summary>
    private readonly ConcurrentDictionary<(TrainerId Trainer, ulong Incarnation), Sighting> _sightings = new();

    internal enum Contact
    {
        /// <summary>A member that has not sent this leader a heartbeat yet.</summary>
        Awaited,
        Attending,
        Ended,

        /// <summary>It said that its process ends.</summary>
        Left,
    }

    /// <param name="Timestamp">
    /// The time of its last heartbeat, or since when it is awaited; a timestamp of <see cref="TimeProvider"/>.
    /// </param>
    /// <param name="Stream">The stream of its last heartbeat.</param>
    internal sealed record Sighting(
        Contact Contact, long Timestamp, object? Stream = null, Activity Activity = Activity.Idle, float Progress = 0,
        string Run = "", string Fault = "");

    public void Record(TrainerId trainer, Heartbeat heartbeat, object stream) =>
        _sightings[(trainer, heartbeat.Incarnation)] = new Sighting(
            heartbeat.Leaving ? Contact.Left : Contact.Attending, time.GetTimestamp(), stream, heartbeat.Activity,
            float.IsFinite(heartbeat.Progress) ? Math.Clamp(heartbeat.Progress, 0, 1) : 0,
            heartbeat.Run, Limits.CutReason(heartbeat.Fault));

    /// <summary>Attending trainers that report why they cannot take part in the run, ordered by id.</summary>
    public IReadOnlyList<(TrainerId Trainer, string Fault)> Faults(RunId run) =>
    [
        .. from sighting in _sightings
           let last = sighting.Value
           where last.Fault.Length > 0 && last.Run == run.ToString() && !IsGone(last)
           orderby sighting.Key.Trainer.ToString() // A stable order, because people compare one status with the next.
           select (sighting.Key.Trainer, last.Fault),
    ];

    /// <summary>
    /// Records that a stream ended. Another process may now take the id; the lease still runs. Ignored if the same
    /// process has sent a heartbeat on a newer stream.
    /// </summary>
    public void Ended(TrainerId trainer, ulong incarnation, object stream)
    {
        if (_sightings.TryGetValue((trainer, incarnation), out var last) && last.Stream == stream
            && last.Contact != Contact.Left)
            _sightings.TryUpdate(
                (trainer, incarnation), last with { Contact = Contact.Ended, Activity = Activity.Idle }, last);
    }

    public Sighting? Find(Trainer member) => _sightings.GetValueOrDefault((member.Id, member.Incarnation));

    /// <summary>
    /// Whether a member's process is gone: its stream to this leader ended, or it was silent for a whole lease.
    /// </summary>
    public bool IsGone(Trainer member) => Find(member) is { } last && IsGone(last);

    /// <summary>
    /// Whether a newcomer may take a member's place: the member is gone, or the newcomer attends and the member has not
    /// contacted this leader yet. So a trainer that was restarted during a failover joins at once. If both processes
    /// are alive, the one that contacts this leader second is told that its id is in use.
    /// </summary>
    public bool YieldsTo(Trainer member, ulong newcomer) =>
        IsGone(member)
        || (Find(member) is null or { Contact: Contact.Awaited }
            && Find(member with { Incarnation = newcomer }) is { Contact: Contact.Attending });

    /// <summary>
    /// How long the member has been silent. If it never sent a heartbeat, the time counts from the first call.
    /// </summary>
    public TimeSpan SilentFor(Trainer member) => time.GetElapsedTime(_sightings.GetOrAdd(
        (member.Id, member.Incarnation), _ => new Sighting(Contact.Awaited, time.GetTimestamp())).Timestamp);

    /// <summary>
    /// Forgets processes that are gone and are not members: otherwise clients with ever new ids would fill the memory.
    /// </summary>
    public void ForgetStrangers(IReadOnlyCollection<Run> active)
    {
        foreach (var sighting in _sightings)
            if (IsGone(sighting.Value)
                && !active.Any(run => run.Trainers.GetValueOrDefault(sighting.Key.Trainer) is { Present: true } member
                    && member.Incarnation == sighting.Key.Incarnation))
                _sightings.TryRemove(sighting);
    }

    /// <summary>Forgets everything when a leadership begins: sightings from an earlier one are out of date.</summary>
    public void Clear() => _sightings.Clear();

    private bool IsGone(Sighting last) =>
        last.Contact is Contact.Ended or Contact.Left || time.GetElapsedTime(last.Timestamp) > options.Lease;
}
