using Quorate.Coordinator.Blobs;
using Quorate.Rounds;

namespace Quorate.Coordinator.Intake;

/// <summary>What a client offers to upload, as its header says: well-formed, and not judged yet.</summary>
internal abstract record UploadOffer(RunId Run, BlobHash Blob, long Length)
{
    public abstract IncomingBlob Incoming { get; }

    /// <summary>The fact that the upload becomes.</summary>
    /// <param name="now">Unix milliseconds.</param>
    public abstract Command ToCommand(long now);
}

/// <summary>One trainer's update of one round.</summary>
internal sealed record UpdateOffer(
    RunId Run, BlobHash Blob, long Length, int Round, TrainerId Trainer, ulong Incarnation, long Examples,
    Metrics Metrics)
    : UploadOffer(Run, Blob, Length)
{
    public override IncomingBlob Incoming => new(Blob, Length, new UpdateRound(Run, Round));

    public override Command ToCommand(long now) =>
        new Command.AcceptUpdate(Run, Round, Trainer, Blob, Length, Examples, Metrics, now);
}

/// <summary>A model made elsewhere, from which a run starts.</summary>
internal sealed record SeedOffer(RunId Run, BlobHash Blob, long Length) : UploadOffer(Run, Blob, Length)
{
    public override IncomingBlob Incoming => new(Blob, Length, Round: null);

    public override Command ToCommand(long now) => 
        new Command.PublishModel(Run, 0, new BlobRef(Blob, Length), now);
}

/// <summary>What became of an upload.</summary>
internal abstract record UploadAnswer
{
    /// <summary>The state machine has judged it, or its file was refused.</summary>
    public sealed record Judged(Outcome Outcome) : UploadAnswer;

    /// <summary>It is not judged, because its bytes are not stored.</summary>
    public sealed record NotStored(Receipt Receipt) : UploadAnswer;
}
