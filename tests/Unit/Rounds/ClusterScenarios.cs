using Quorate.Rounds;

namespace Quorate.Unit.Rounds;

/// <summary>Facts about the whole cluster.</summary>
public sealed class ClusterScenarios
{
    private static readonly ClusterId First = ClusterId.FromBytes([.. new byte[15], 1]);
    private static readonly ClusterId Second = ClusterId.FromBytes([.. new byte[15], 2]);

    [Fact]
    public void The_first_id_names_the_cluster()
    {
        var scene = new Scene();
        Assert.False(scene.State.Id.IsSet);
        scene.Do(new Command.NameCluster(First, 1)).IsAccepted();
        scene.Do(new Command.NameCluster(First, 2)).IsDuplicate("The cluster has this id already.");
        scene.Do(new Command.NameCluster(Second, 3)).IsRejected($"The cluster has the id {First} already.");
        Assert.Equal(First, scene.State.Id);
    }

    [Fact]
    public void The_feature_level_rises_and_never_falls()
    {
        var raised = RoundMachine.Apply(ClusterState.Empty, 1, new Command.RaiseLevel(2, 1), []).State;
        Assert.Equal((1, 2), (ClusterState.Empty.Level, raised.Level));
        RoundMachine.Judge(raised, new Command.RaiseLevel(1, 1)).IsDuplicate(
            "The cluster is at feature level 2 already.");
    }

    [Fact]
    public void A_held_feature_level_does_not_rise_until_it_is_released()
    {
        var scene = new Scene();
        scene.Do(new Command.HoldLevel(false, 1)).IsDuplicate("Feature level 1 is not held.");
        scene.Do(new Command.HoldLevel(true, 1) { Actor = "ada" }).IsAccepted();
        scene.Do(new Command.HoldLevel(true, 2)).IsDuplicate("Feature level 1 is held by ada already.");
        Assert.Equal("ada", StateCodec.Decode(StateCodec.Encode(scene.State)).LevelHeldBy);
        RoundMachine.Judge(scene.State, new Command.RaiseLevel(2, 1)).IsRejected(
            "Feature level 1 is held by ada; `quorate upgrade release` lets it rise.");

        scene.Do(new Command.HoldLevel(false, 3)).IsAccepted();

        Assert.Equal(Verdict.Accepted, RoundMachine.Judge(scene.State, new Command.RaiseLevel(2, 1)).Verdict);
    }

    [Theory]
    [InlineData("000102030405060708090a0b0c0d0e0f", true)]
    [InlineData("000102030405060708090a0b0c0d0e", false)]
    [InlineData("+00102030405060708090a0b0c0d0e0f", false)]
    [InlineData(null, false)]
    public void An_id_is_32_hexadecimal_digits(string? text, bool valid)
    {
        Assert.Equal(valid, ClusterId.TryParse(text, out var id));
        if (valid) Assert.Equal(text, id.ToString());
    }
}
