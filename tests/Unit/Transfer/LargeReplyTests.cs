using System.Net;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Quorate.Coordinator.Doors;
using Quorate.Coordinator.Intake;
using Quorate.Rounds;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;

namespace Quorate.Unit.Transfer;

/// <summary>The longest status that a node can give. Once, no node could send one above 1 MiB.</summary>
public sealed class LargeReplyTests
{
    [Fact]
    public async Task The_status_of_the_most_trainers_arrives()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Services.AddSingleton(Authorizer.WithoutCertificates).AddGrpc(KestrelLimits.Apply);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            KestrelLimits.Apply(kestrel);
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2);
        });
        await using var app = builder.Build();
        app.MapGrpcService<Full>();
        await app.StartAsync();
        using var channel = Channels.Create(app.Urls.Single());

        var reply = await new Federation.FederationClient(channel).StatusAsync(new StatusRequest());

        Assert.Equal(Limits.Trainers, reply.Run.Trainers.Count);
        Assert.True(reply.CalculateSize() > 8_000_000, $"Only {reply.CalculateSize()} bytes.");
    }

    private sealed class Full : Federation.FederationBase
    {
        public override Task<StatusReply> Status(StatusRequest request, ServerCallContext context)
        {
            var hash = ByteString.CopyFrom(new byte[32]);
            string name = new('t', 63);
            long at = 1_800_000_000_000;
            var update = new UpdateStatus
            {
                Trainer = name, Blob = hash, Length = 1 << 30, Examples = 1 << 29, At = at,
                Metrics = { ["loss"] = 0.5 },
            };
            var model = new ModelStatus
            {
                Blob = hash, Length = 1 << 30, Contributors = Limits.Trainers, Examples = 1 << 29, OpenedAt = at,
                PublishedAt = at, Unscored = "there is no trainer program here.",
            };
            var run = new RunStatus();
            run.Trainers.AddRange(Enumerable.Repeat(
                new TrainerStatus { Trainer = name, Present = true, Examples = 1 << 29, Incarnation = 1 },
                Limits.Trainers));
            run.Updates.AddRange(Enumerable.Repeat(update, Limits.Trainers));
            run.Trail.AddRange(Enumerable.Repeat(model, StatusView.TrailBytesMax / model.CalculateSize()));
            run.Trail.Add(model.Clone());
            run.Trail[^1].Updates.AddRange(Enumerable.Repeat(update, Limits.Trainers));
            return Task.FromResult(new StatusReply { Run = run });
        }
    }
}
