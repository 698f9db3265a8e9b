using System.Collections.Frozen;
using Quorate.Coordinator.Intake;
using Quorate.Shared.Transfer.Streams;

namespace Quorate.Coordinator.Doors;

/// <summary>What a caller is. A call may allow several roles.</summary>
[Flags]
internal enum Role
{
    /// <summary>A caller without a certificate.</summary>
    Anonymous = 0,
    Trainer = 1,
    Operator = 2,

    /// <summary>Reads status and models, and changes nothing.</summary>
    Observer = 4,
    Coordinator = 8,
}

/// <summary>Who may call what: the only place that says so. A call without a row is refused.</summary>
internal static class Permissions
{
    private const Role Everyone = Role.Trainer | Role.Operator | Role.Observer | Role.Coordinator;

    private const string Update = "/quorate.v1.Transfer/Upload (an update)";
    private const string SeedModel = "/quorate.v1.Transfer/Upload (a seed model)";
    private const string InitialModel = "/quorate.v1.Transfer/Upload (a trainer's initial model)";

    /// <summary>By the calls' full names, as gRPC writes them.</summary>
    private static readonly FrozenDictionary<string, Role> _rows = new Dictionary<string, Role>
    {
        ["/quorate.v1.Federation/Status"] = Everyone,
        ["/quorate.v1.Federation/WhoLeads"] = Everyone,
        ["/quorate.v1.Federation/Join"] = Role.Trainer,
        ["/quorate.v1.Federation/Attend"] = Role.Trainer,
        ["/quorate.v1.Transfer/Download"] = Everyone,
        ["/quorate.v1.Transfer/Offer"] = Role.Trainer | Role.Operator,
        ["/quorate.v1.Transfer/Upload"] = Role.Trainer | Role.Operator,
        // What is offered or uploaded is in the header, and has a row of its own.
        [Update] = Role.Trainer,
        [SeedModel] = Role.Operator,
        [InitialModel] = Role.Trainer, // Only in runs that ask their trainers for it.
        ["/quorate.v1.Admin/OpenRun"] = Role.Operator,
        ["/quorate.v1.Admin/StopRun"] = Role.Operator,
        ["/quorate.v1.Admin/PauseRun"] = Role.Operator,
        ["/quorate.v1.Admin/ResumeRun"] = Role.Operator,
        ["/quorate.v1.Admin/HoldLevel"] = Role.Operator,
        ["/quorate.v1.Admin/LimitRuns"] = Role.Operator,
        ["/quorate.v1.Peers/PutBlob"] = Role.Coordinator,
        ["/quorate.v1.Peers/Barrier"] = Role.Coordinator,
        ["/quorate.v1.Peers/Hello"] = Role.Coordinator | Role.Operator | Role.Observer, // It shows the chain hashes.
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>The roles that may make a call. False: the table has no row for it.</summary>
    public static bool TryFind(string method, out Role roles) => _rows.TryGetValue(method, out roles);

    /// <summary>The row of an upload, once its header is known.</summary>
    public static string NameOf(UploadOffer offer) =>
        offer is UpdateOffer ? Update : offer is SeedOffer { Maker: not null } ? InitialModel : SeedModel;

    /// <summary>The full name of a call that arrives over a weight stream; empty: there is no such call.</summary>
    public static string NameOf(StreamMethod method) => method switch
    {
        StreamMethod.Download => "/quorate.v1.Transfer/Download",
        StreamMethod.Upload => "/quorate.v1.Transfer/Upload",
        StreamMethod.PutBlob => "/quorate.v1.Peers/PutBlob",
        _ => "",
    };
}
