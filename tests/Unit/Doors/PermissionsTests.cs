using Google.Protobuf.Reflection;
using Grpc.Core;
using Quorate.Coordinator.Doors;
using Quorate.Coordinator.Intake;
using Quorate.Rounds;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer.Streams;

namespace Quorate.Unit.Doors;

public sealed class PermissionsTests
{
    private const string Put = "/quorate.v1.Peers/PutBlob";

    private static readonly FileDescriptor[] _files =
    [
        FederationReflection.Descriptor, AdminReflection.Descriptor, TransferReflection.Descriptor,
        PeersReflection.Descriptor,
    ];

    [Fact]
    public void Every_call_of_every_service_has_a_row()
    {
        var methods = _files.SelectMany(file => file.Services).SelectMany(service => service.Methods).ToList();
        Assert.True(methods.Count >= 12);
        foreach (var method in methods)
        {
            Assert.True(
                Permissions.TryFind($"/{method.Service.FullName}/{method.Name}", out var roles), method.FullName);
            Assert.NotEqual(Role.Anonymous, roles);
        }
    }

    [Fact]
    public void Every_call_of_a_weight_stream_has_a_row()
    {
        foreach (var method in Enum.GetValues<StreamMethod>())
            Assert.True(Permissions.TryFind(Permissions.NameOf(method), out _), method.ToString());
    }

    [Fact]
    public void A_caller_without_the_role_is_refused_with_a_sentence_and_one_with_it_is_not()
    {
        var authorizer = new Authorizer(allowAnonymous: false);

        authorizer.Require(new Caller("node-1", Role.Coordinator), Put);

        var refusal = Assert.Throws<RpcException>(() => authorizer.Require(new Caller("anna", Role.Trainer), Put));
        Assert.Equal(StatusCode.PermissionDenied, refusal.StatusCode);
        Assert.Equal($"Trainer 'anna' may not call {Put}, which needs the role Coordinator.", refusal.Status.Detail);
        Assert.Throws<RpcException>(() => authorizer.Require(Caller.Anonymous, Put));
    }

    [Fact]
    public void Without_certificates_anonymous_callers_may_make_every_call_that_has_a_row_and_no_other()
    {
        Authorizer.WithoutCertificates.Require(Caller.Anonymous, Put);
        var refusal = Assert.Throws<RpcException>(
            () => Authorizer.WithoutCertificates.Require(Caller.Anonymous, "/quorate.v1.Peers/Forget"));
        Assert.Equal(StatusCode.PermissionDenied, refusal.StatusCode);
    }

    [Fact]
    public void An_upload_needs_the_role_of_what_it_is()
    {
        var authorizer = new Authorizer(allowAnonymous: false);
        var seed = new SeedOffer(RunId.Parse("test"), default, 1);
        UploadOffer initial = seed with { Maker = TrainerId.Parse("anna"), Incarnation = 1 };
        UploadOffer update = new UpdateOffer(
            seed.Run, default, 1, Round: 1, TrainerId.Parse("anna"), Incarnation: 1, Examples: 1, Metrics.None);
        Caller anna = new("anna", Role.Trainer), ada = new("ada", Role.Operator);

        authorizer.Require(ada, Permissions.NameOf(seed));
        authorizer.Require(anna, Permissions.NameOf(initial));
        authorizer.Require(anna, Permissions.NameOf(update));

        Assert.Throws<RpcException>(() => authorizer.Require(anna, Permissions.NameOf(seed)));
        Assert.Throws<RpcException>(() => authorizer.Require(ada, Permissions.NameOf(initial)));
        Assert.Throws<RpcException>(() => authorizer.Require(ada, Permissions.NameOf(update)));
    }
}
