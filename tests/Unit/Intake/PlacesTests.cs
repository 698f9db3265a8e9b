using Grpc.Core;
using Quorate.Coordinator.Intake;

namespace Quorate.Unit.Intake;

public sealed class PlacesTests
{
    [Fact]
    public void Who_finds_no_place_is_told_so_and_finds_one_when_one_is_given_back()
    {
        var places = new Places(2, "uploads");
        var first = places.Take();
        using var second = places.Take();

        var refusal = Assert.Throws<RpcException>(() => places.Take());

        Assert.Equal(StatusCode.ResourceExhausted, refusal.StatusCode);
        Assert.Equal("This coordinator serves 2 uploads already, which is all it takes on: try again in a moment.",
            refusal.Status.Detail);
        first.Dispose();
        using var third = places.Take();
        Assert.Throws<RpcException>(() => places.Take());
    }

    [Fact]
    public void A_place_given_back_twice_is_one_place()
    {
        var places = new Places(1, "uploads");
        var place = places.Take();
        place.Dispose();
        place.Dispose();

        using var only = places.Take();

        Assert.Throws<RpcException>(() => places.Take());
    }
}
