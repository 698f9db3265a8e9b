using Quorate.Rounds;

namespace Quorate.Client.Attending;

/// <summary>A round to train: which model to start from, in which round of which run.</summary>
public sealed record RoundWork(RunId Run, int Round, BlobHash Model, long ModelLength);

/// <summary>
/// What a local training left on disk. It is sent until the cluster settles it, and never trained again.
/// </summary>
public sealed record TrainedUpdate(RoundWork Work, string Path, BlobHash Blob, long Length, long Examples, double Loss);
