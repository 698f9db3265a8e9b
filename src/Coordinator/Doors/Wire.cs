using System.Diagnostics;
using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Intake;
using Quorate.Rounds;
using Quorate.Shared.Protocol;
using Quorate.Shared.Text;

namespace Quorate.Coordinator.Doors;

/// <summary>Between wire messages and the records that the rest of the program uses.</summary>
internal static class Wire
{
    /// <summary>An upload's header, well-formed; if not, why.</summary>
    public static bool TryParse(UploadHeader? header, out UploadOffer offer, out string flaw)
    {
        offer = null!;
        if (!TryParse(header, out IncomingBlob blob, out flaw)) return false;
        switch (header!.PurposeCase)
        {
            case UploadHeader.PurposeOneofCase.Update:
                var update = header.Update;
                if (!RunId.TryParse(update.Run, out var run)) flaw = "The update names no valid run.";
                else if (!TrainerId.TryParse(update.Trainer, out var trainer))
                    flaw = "The update names no valid trainer id.";
                else if (Metrics.TryCreate(update.Metrics, out var metrics, out string? wrong))
                    offer = new UpdateOffer(run, blob.Hash, blob.Length, update.Round, trainer, update.Incarnation,
                        update.Examples, metrics);
                else flaw = wrong;
                break;
            case UploadHeader.PurposeOneofCase.Seed:
                var seed = header.Seed;
                TrainerId maker = default;
                if (!RunId.TryParse(seed.Run, out var seeded)) flaw = "The seed model names no valid run.";
                else if (seed.Trainer.Length > 0 && !TrainerId.TryParse(seed.Trainer, out maker))
                    flaw = "The seed model names no valid trainer id.";
                else offer = new SeedOffer(seeded, blob.Hash, blob.Length)
                {
                    Maker = seed.Trainer.Length > 0 ? maker : null, Incarnation = seed.Incarnation,
                };
                break;
            default:
                flaw = "The upload does not say whether it is an update or a seed model.";
                break;
        }
        return flaw.Length == 0;
    }

    /// <summary>A put's header, well-formed; if not, why.</summary>
    public static bool TryParse(UploadHeader? header, out IncomingBlob blob, out string flaw)
    {
        blob = default;
        flaw = header switch
        {
            null => "The first part carries no header; start with one that names the blob.",
            { Blob.Length: not BlobHash.Size } =>
                $"The blob's name has {PlainText.Count(header.Blob.Length, "byte")}, a SHA-256 has {BlobHash.Size}.",
            { Length: < 1 or > Limits.BlobBytes } =>
                $"The blob's length is {header.Length}, allowed are 1 to {Limits.BlobBytes} bytes.",
            _ => "",
        };
        if (flaw.Length > 0) return false;
        UpdateRound? round = header!.Update is { } update && RunId.TryParse(update.Run, out var run)
            ? new UpdateRound(run, update.Round)
            : null;
        blob = new IncomingBlob(BlobHash.FromBytes(header.Blob.Span), header.Length, round);
        return true;
    }

    public static VerdictReply Rejected(string reason) => new() { Verdict = VerdictCode.Rejected, Reason = reason };

    /// <summary>Refuses a text that <paramref name="parse"/> cannot read, with the parser's sentence.</summary>
    public static VerdictReply Rejected<T>(Func<string, T> parse, string text)
    {
        try
        {
            _ = parse(text);
        }
        catch (FormatException e)
        {
            return Rejected(e.Message);
        }
        throw new UnreachableException($"'{text}' can be parsed.");
    }

    public static VerdictReply Incomplete(long have, string reason) =>
        new() { Verdict = VerdictCode.Incomplete, Have = have, Reason = reason };

    public static VerdictReply ToReply(this Outcome outcome) => new()
    {
        Verdict = outcome.Verdict switch
        {
            Verdict.Accepted => VerdictCode.Accepted,
            Verdict.Duplicate => VerdictCode.Duplicate,
            Verdict.Stale => VerdictCode.Stale,
            Verdict.Rejected => VerdictCode.Rejected,
            _ => throw new UnreachableException($"Unknown verdict {outcome.Verdict}."),
        },
        Reason = outcome.Reason,
    };
}
