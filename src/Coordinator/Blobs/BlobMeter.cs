using System.Diagnostics.Metrics;

namespace Quorate.Coordinator.Blobs;

/// <summary>What the blob store counts, under the meter "Quorate.Blobs".</summary>
public static class BlobMeter
{
    public const string Name = "Quorate.Blobs";

    private static readonly Meter _meter = new(Name);

    internal static readonly Counter<long> Received = _meter.CreateCounter<long>("quorate.blobs.received", "By");
    internal static readonly Counter<long> Sent = _meter.CreateCounter<long>("quorate.blobs.sent", "By");
    internal static readonly Counter<long> Flushes = _meter.CreateCounter<long>("quorate.blobs.fsyncs", "{call}");
    internal static readonly Counter<long> Quarantined = _meter.CreateCounter<long>(
        "quorate.blobs.quarantined", "{blob}");
    internal static readonly Counter<long> Repaired = _meter.CreateCounter<long>("quorate.blobs.repaired", "{blob}");
}
