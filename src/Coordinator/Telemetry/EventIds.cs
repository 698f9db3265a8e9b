namespace Quorate.Coordinator.Telemetry;

/// <summary>
/// The ids of every log event. Operators filter on them: an id is never reused for another event.
/// Each thousand is an area: 1000 consensus and peering, 2000 blobs, 3000 intake, 4000 driving, 5000 evaluation,
/// 6000 doors.
/// </summary>
internal static class EventIds
{
    public const int LogStarted = 1000;
    public const int BecameLeader = 1001;
    public const int BecameFollower = 1002;
    public const int LeaderLost = 1003;
    public const int SnapshotPurged = 1004;
    public const int LogBroken = 1005;
    public const int LogStopped = 1006;
    public const int LogStopTimedOut = 1007;
    public const int LibraryQuieted = 1008;
    public const int FollowerStuck = 1010;
    public const int MemberRefused = 1011;
    public const int RefusedByMember = 1012;
    public const int MemberAgrees = 1013;
    public const int NameUnresolved = 1014;
    public const int NameResolved = 1015;
    public const int OwnNameUnresolved = 1016;
    public const int ClusterDisagrees = 1017;
    public const int CallerRefused = 1018;
    public const int DiskHangs = 1019;
    public const int AwaitingFirstVote = 1101;
    public const int VoteWithheld = 1102;

    public const int BlobStored = 2000;
    public const int BlobQuarantined = 2001;
    public const int DiskFull = 2002;
    public const int PeerFailed = 2003;
    public const int BlobPulled = 2004;
    public const int PullFailed = 2005;
    public const int BlobDeleted = 2006;
    public const int CollectionSkipped = 2007;
    public const int BackgroundPassFailed = 2008;
    public const int BlobsCollected = 2009;
    public const int StreamCallFailed = 2010;

    public const int TrainerJoined = 3001;
    public const int LeaseExpired = 3010;
    public const int TrainerLeft = 3011;
    public const int UpdateAccepted = 3020;
    public const int UpdateRejected = 3021;

    public const int ModelPublished = 4001;
    public const int StepFailed = 4002;
    public const int AwaitingInitialModel = 4003;
    public const int LevelRaised = 4004;
    public const int EmergencyStop = 4009;

    public const int ConnectionRefused = 6001;
    public const int AcceptFailed = 6002;

    public const int ScoreRetried = 5001;
    public const int ModelUnscored = 5002;
    public const int ModelVerified = 5011;
    public const int VerificationRetried = 5012;
}
