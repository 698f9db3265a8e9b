using System.Collections.Concurrent;
using Quorate.Coordinator.Settings;
using Quorate.Rounds;
using Quorate.Shared.Protocol;

namespace Quorate.Coordinator.Intake;

/// <summary>
/// Who was heard from, when, and what it was doing: this leader's own memory, never replicated. A leadership starts
/// with an empty one and gives everybody a fresh lease.
/// </summary>
internal sealed class Attendance(CoordinatorOptions options, TimeProvider time)
{
    /// <summary>By process, not by id: a second process under a trainer's id says nothing of the first.</summary>
    private readonly ConcurrentDictionary<(TrainerId Trainer, ulong Incarnation), Sighting> _sightings = new();

    internal enum Contact
    {
        /// <summary>A member that this leader has not heard from yet.</summary>
        Awaited,
        Attending,
        Ended,
    }

    /// <param name="Timestamp">
    /// When it was last heard, or since when it is awaited, in <see cref="TimeProvider.GetTimestamp"/> units.
    /// </param>
    /// <param name="Stream">What it was last heard on.</param>
    internal sealed record Sighting(
        Contact Contact, long Timestamp, object? Stream = null, Activity Activity = Activity.Idle, float Progress = 0,
        string Run = "", string Fault = "");

    public void Heard(TrainerId trainer, Heartbeat heartbeat, object stream) =>
        _sightings[(trainer, heartbeat.Incarnation)] = new Sighting(
            Contact.Attending, time.GetTimestamp(), stream, heartbeat.Activity,
            float.IsFinite(heartbeat.Progress) ? Math.Clamp(heartbeat.Progress, 0, 1) : 0,
            heartbeat.Run, Limits.CutReason(heartbeat.Fault));

    /// <summary>Trainers that attend and say why they do not do their part in the run, in the order of their ids.
    /// </summary>
    public IReadOnlyList<(TrainerId Trainer, string Fault)> Faults(RunId run) =>
    [
        .. from sighting in _sightings
           let last = sighting.Value
           where last.Fault.Length > 0 && last.Run == run.ToString() && !IsGone(last)
           orderby sighting.Key.Trainer.ToString() // A stable order for people who read it again and again.
           select (sighting.Key.Trainer, last.Fault),
    ];

    /// <summary>
    /// Another process may now take the id over; the lease itself runs on. The late end of a stream says nothing once
    /// its process was heard on a newer one.
    /// </summary>
    public void Ended(TrainerId trainer, ulong incarnation, object stream)
    {
        if (_sightings.TryGetValue((trainer, incarnation), out var last) && last.Stream == stream)
            _sightings.TryUpdate(
                (trainer, incarnation), last with { Contact = Contact.Ended, Activity = Activity.Idle }, last);
    }

    public Sighting? Find(Trainer member) => _sightings.GetValueOrDefault((member.Id, member.Incarnation));

    /// <summary>A member's process is gone when its stream here ended, or when it was silent for a lease.</summary>
    public bool IsGone(Trainer member) => Find(member) is { } last && IsGone(last);

    /// <summary>
    /// Whether a newcomer may take a member's place: where the member is gone, or where this leader has yet to hear
    /// from it and the newcomer attends. After a failover a trainer that was started again so joins at once; where both
    /// live, the one that came second hears that its id is in use, until the leader changes again at least.
    /// </summary>
    public bool YieldsTo(Trainer member, ulong newcomer) =>
        IsGone(member)
        || (Find(member) is null or { Contact: Contact.Awaited }
            && Find(member with { Incarnation = newcomer }) is { Contact: Contact.Attending });

    /// <summary>How long the member has been silent: zero at the first look, where it was never heard.</summary>
    public TimeSpan SilentFor(Trainer member) => time.GetElapsedTime(_sightings.GetOrAdd(
        (member.Id, member.Incarnation), _ => new Sighting(Contact.Awaited, time.GetTimestamp())).Timestamp);

    /// <summary>Forgets who is gone and no member: anyone may attend, under ever new ids.</summary>
    public void ForgetStrangers(Run? run)
    {
        foreach (var sighting in _sightings)
            if (IsGone(sighting.Value)
                && !(run?.Trainers.GetValueOrDefault(sighting.Key.Trainer) is { Present: true } member
                    && member.Incarnation == sighting.Key.Incarnation))
                _sightings.TryRemove(sighting);
    }

    /// <summary>A leadership begins: what the one before knew is too old to judge anybody by.</summary>
    public void Clear() => _sightings.Clear();

    private bool IsGone(Sighting last) =>
        last.Contact == Contact.Ended || time.GetElapsedTime(last.Timestamp) > options.Lease;
}
