using Grpc.Core;
using Quorate.Coordinator.Blobs;
using Quorate.Rounds;
using Quorate.Shared.Transfer;
using static Quorate.Unit.Blobs.TestBlobs;

namespace Quorate.Unit.Blobs;

public sealed class BlobReceiverTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_part_made_longer_in_transit_is_requested_again_and_not_rejected()
    {
        byte[] content = Bytes(100);
        using var store = _directory.Store();
        using var writer = await store.BeginAsync(BlobHash.Of(content), content.Length, default);
        using var guard = new StallGuard(TimeSpan.FromMinutes(1), TimeProvider.System, default);
        var part = Part.Rent(200);
        content.CopyTo(part.Room);
        part.Fill(0, content.Length);
        part.Describe(0, 200, part.Checksum);
        var receipt = await BlobReceiver.AppendAsync(writer!, part, new NoMore(), guard);
        Assert.Equal((ReceiptKind.Incomplete, 0), (receipt.Kind, receipt.Have));
    }

    private sealed class NoMore : IAsyncStreamReader<Part>
    {
        public Part Current => throw new InvalidOperationException();

        public Task<bool> MoveNext(CancellationToken cancellationToken) => Task.FromResult(false);
    }
}
