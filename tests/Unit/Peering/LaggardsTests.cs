using Quorate.Coordinator.Peering;

namespace Quorate.Unit.Peering;

public sealed class LaggardsTests
{
    [Fact]
    public void A_peer_that_answers_but_makes_no_progress_is_stuck_after_so_many_looks()
    {
        var laggards = new Laggards(looksMax: 3);
        Assert.False(laggards.TryFindStuck(100, [(1, 3, 100), (2, 3, 90)], out _));
        Assert.False(laggards.TryFindStuck(100, [(1, 3, 100), (2, 3, 90)], out _));
        Assert.False(laggards.TryFindStuck(100, [(1, 3, 100), (2, 3, 90)], out _));
        Assert.True(laggards.TryFindStuck(105, [(1, 3, 105), (2, 3, 90)], out int stuck));
        Assert.Equal(2, stuck);
    }

    [Fact]
    public void A_peer_that_catches_up_slowly_or_is_just_behind_or_is_down_is_not_stuck()
    {
        var laggards = new Laggards(looksMax: 3);
        for (int look = 0; look < 20; look++)
        {
            (int, long, long)[] peers = look % 3 == 2 ? [(1, 3, 10 + look)] : [(1, 3, 10 + look), (2, 3, 90)];
            Assert.False(laggards.TryFindStuck(1000 + look, peers, out _));
        }
        for (int look = 0; look < 20; look++)
            Assert.False(laggards.TryFindStuck(2000 + (10 * look), [(1, 3, 2000 + (10 * (look - 1)))], out _));
    }

    /// <summary>A new node that could not reach the others made the leader step down every ten seconds.</summary>
    [Fact]
    public void A_node_that_waits_for_its_first_vote_is_not_stuck()
    {
        var laggards = new Laggards(looksMax: 3);
        for (int look = 0; look < 20; look++)
            Assert.False(laggards.TryFindStuck(100 + look, [(1, 3, 100 + look), (2, 0, 0)], out _));
    }
}
