extern alias LevelTwo;

using LevelTwo::Quorate.Rounds;

namespace Quorate.Unit.Rounds;

/// <summary>
/// A replica of a later build, which supports feature level 2 (chaos-tests/LevelTwo). It shares only bytes with this
/// build.
/// </summary>
internal sealed class LevelTwoReplica
{
    private ClusterState _state = ClusterState.Empty;

    public int Level => _state.Level;
    public string Chain => _state.Chain.ToString();

    /// <summary>The note of the newest run's pause: the field that level 2 adds.</summary>
    public string PauseNote => _state.Runs[^1].PauseNote;

    public byte[] Snapshot() => StateCodec.Encode(_state);
    public void Restore(byte[] snapshot) => _state = StateCodec.Decode(snapshot);

    /// <summary>The command in these bytes as this replica writes it.</summary>
    public byte[] Again(byte[] command) => CommandCodec.Encode(CommandCodec.Decode(command), _state.Level);

    public byte[] Pause(string note) => CommandCodec.Encode(
        new Command.PauseRun(_state.Runs[^1].Id, 1) { Note = note }, _state.Level);

    public byte[] Raise() => CommandCodec.Encode(new Command.RaiseLevel(FeatureLevel.Supported, 1), _state.Level);

    /// <returns>The verdict and its reason.</returns>
    public string Apply(long index, byte[] command)
    {
        (_state, var outcome) = RoundMachine.Apply(_state, index, CommandCodec.Decode(command), command);
        return $"{outcome.Verdict} {outcome.Reason}";
    }
}
