using Quorate.Rounds;

namespace Quorate.Unit.Rounds;

/// <summary>The trail compared with a plain list of the same models.</summary>
public sealed class TrailTests
{
    [Theory]
    [InlineData(1, 40)]
    [InlineData(2, 1000)]
    [InlineData(3, 3000)]
    public void A_trail_behaves_like_a_list_of_its_models(int seed, int changes)
    {
        var random = new Random(seed);
        var list = new List<PublishedModel>();
        var trail = Trail.Empty;
        for (int change = 0; change < changes; change++)
        {
            int waiting = list.FindIndex(model => model is { Round: > 0, Judged: false });
            // Scores are late, mostly in order, and a few arrive out of order.
            int round = waiting >= 0 && random.Next(2) == 0 ? waiting : random.Next(20) == 0 ? Any() : list.Count;
            var model = new PublishedModel(
                round, Scene.Blob($"{change}"), random.Next(1, 3), random.Next(5), random.NextInt64(), [],
                random.NextInt64(), random.NextInt64());
            if (round < list.Count)
                model = random.Next(2) == 0
                    ? list[round] with { Score = Scene.Scored(1, random.Next(50) / 100.0, 10), Unscored = "" }
                    : list[round] with { Score = Metrics.None, Unscored = random.Next(3) == 0 ? "lost" : "no data" };
            trail = round < list.Count ? trail.SetItem(round, model) : trail.Add(model);
            if (round < list.Count) list[round] = model;
            else list.Add(model);
            if (change % 20 == 0 || change == changes - 1) AssertSame(list, trail, random);
        }

        int Any() => random.Next(list.Count + 1);
    }

    [Fact]
    public void A_long_trail_takes_few_bytes_a_round()
    {
        var trail = StateCodecTests.LongTrail(2000).Runs[0].Trail;
        Assert.InRange(trail.NotPacked.Count, 64, 127);
        Assert.InRange(trail.Packed.Sum(models => models.Length) / (2000.0 - trail.NotPacked.Count), 42, 66);
    }

    [Fact]
    public void Models_that_list_updates_are_not_packed_and_a_packed_model_may_list_some_again()
    {
        var update = new Update(Scene.Id("anna"), Scene.Blob("w"), 10, 1, Metrics.None, 1000);
        var models = Enumerable.Range(0, 200).Select(round => new PublishedModel(
            round, Scene.Blob($"{round}"), 10, 1, 1, [update], 0, 0) { Unscored = "no data" }).ToList();
        var trail = Trail.Of(models);
        Assert.Empty(trail.Packed);
        for (int round = 0; round < 200; round++) trail = trail.SetItem(round, models[round] with { Updates = [] });
        Assert.Equal(2, trail.Packed.Count);
        trail = trail.SetItem(70, models[70]);
        Assert.Equal([70], trail.Where(model => !model.Updates.IsEmpty).Select(model => model.Round));
        Assert.Single(trail.Packed);
    }

    private static void AssertSame(List<PublishedModel> list, Trail trail, Random random)
    {
        Assert.Equal(list, trail);
        int some = random.Next(list.Count + 2);
        Assert.Equal(list.TakeLast(some), trail.Newest(some));
        for (int i = 0; i < 5; i++)
        {
            int round = random.Next(list.Count);
            Assert.Equal(list[round], trail[round]);
        }
        var scored = list.Where(model => model.Score.Count > 0);
        Assert.Equal(scored.MaxBy(model => model.Score[Metrics.Accuracy]), trail.Best);
        Assert.Equal(list.Find(model => model is { Round: > 0, Judged: false }), trail.FirstUnjudged);
    }
}
