using Quorate.Rounds;

namespace Quorate.Unit.Rounds;

/// <summary>
/// This build and one of the next feature level in one cluster: the level adds a field to a command and to the state.
/// scripts/mixed-versions.sh does the same with processes.
/// </summary>
public sealed class MixedLevelTests
{
    private const int Commands = 3000;

    [Fact]
    public void Before_the_raise_both_builds_write_the_same_bytes_and_read_each_others_snapshots()
    {
        var commands = new RandomCommands(seed: 1);
        var state = ClusterState.Empty;
        var later = new LevelTwoReplica();
        for (long index = 1; index <= Commands; index++)
        {
            byte[] bytes = Scene.Bytes(commands.Next(state));
            Assert.Equal(bytes, later.Again(bytes));
            (state, var outcome) = RoundMachine.Apply(state, index, CommandCodec.Decode(bytes), bytes);
            Assert.Equal($"{outcome.Verdict} {outcome.Reason}", later.Apply(index, bytes));
            if (index % 100 != 0) continue;
            byte[] snapshot = StateCodec.Encode(state);
            Assert.Equal(snapshot, later.Snapshot());
            // A downgrade and an upgrade: each continues from the other's snapshot.
            state = StateCodec.Decode(later.Snapshot());
            later.Restore(snapshot);
        }
        Assert.Equal(state.Chain.ToString(), later.Chain);
        Assert.Contains(state.Runs, run => run.Trail.Count > 0);
    }

    [Fact]
    public void The_new_field_is_written_after_the_raise_and_this_build_then_refuses_facts_and_snapshots()
    {
        var scene = Scene.Training("anna");
        LevelTwoReplica one = new(), other = new();
        one.Restore(StateCodec.Encode(scene.State));
        other.Restore(StateCodec.Encode(scene.State));
        long index = scene.State.Index;
        Assert.Equal(Scene.Bytes(new Command.PauseRun(Scene.Digits, 1)), one.Pause("why"));

        byte[] raise = one.Raise();
        foreach (var replica in (LevelTwoReplica[])[one, other])
            Assert.Equal("Accepted ", replica.Apply(index + 1, raise));
        byte[] pause = one.Pause("why");
        foreach (var replica in (LevelTwoReplica[])[one, other])
            Assert.Equal("Accepted ", replica.Apply(index + 2, pause));
        other.Restore(one.Snapshot());

        Assert.Equal((2, "why", one.Chain), (other.Level, other.PauseNote, other.Chain));
        Action[] reads =
        [
            () => CommandCodec.Decode(raise), () => CommandCodec.Decode(pause),
            () => StateCodec.Decode(one.Snapshot()),
        ];
        foreach (var read in reads)
            Assert.Equal(
                CommandCodecTests.HigherLevel, Assert.Throws<UnsupportedFormatException>(read).Message);
    }
}
