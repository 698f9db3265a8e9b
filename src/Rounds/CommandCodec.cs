using System.Buffers;
using static Quorate.Rounds.Command;

namespace Quorate.Rounds;

/// <summary>
/// Commands as bytes, as they stand in the log: a version, a kind, the fields in order. One command has one encoding.
/// A log outlives the program that wrote it: kinds are appended, never renumbered, and a field is added by a new kind.
/// </summary>
public static class CommandCodec
{
    private const byte Version = 1;

    /// <exception cref="ArgumentException">No decoder would read it: an unset id, or a text past its limit.</exception>
    public static byte[] Encode(Command command)
    {
        ArgumentNullException.ThrowIfNull(command);
        var written = new ArrayBufferWriter<byte>();
        var w = new FactWriter(written);
        w.Byte(Version);
        w.Byte(command switch
        {
            OpenRun => 1, Join => 2, Leave => 3, AcceptUpdate => 4,
            CloseRound => 5, PublishModel { Unscored.Length: 0 } => 6, RecordScore => 7, EndRun => 8,
            PublishModel => 9,
            _ => throw new System.Diagnostics.UnreachableException($"Unknown command {command.GetType()}."),
        });
        w.Run(command.Run);
        w.Int64(command.At);
        switch (command)
        {
            case OpenRun c:
                w.Rules(c.Rules);
                w.Text(c.Plan, Limits.PlanChars);
                break;
            case Join c:
                w.Trainer(c.Trainer);
                w.UInt64(c.Incarnation);
                w.UInt64(c.Replaces);
                w.Int64(c.Examples);
                break;
            case Leave c:
                w.Trainer(c.Trainer);
                w.UInt64(c.Incarnation);
                break;
            case AcceptUpdate c:
                w.Int32(c.Round);
                w.Trainer(c.Trainer);
                w.Hash(c.Blob);
                w.Int64(c.Length);
                w.Int64(c.Examples);
                w.Double(c.Loss);
                break;
            case CloseRound c:
                w.Int32(c.Round);
                break;
            case PublishModel c:
                w.Int32(c.Round);
                w.Hash(c.Model);
                w.Int64(c.Length);
                if (c.Unscored.Length > 0) w.Text(c.Unscored, Limits.ReasonChars);
                break;
            case RecordScore c:
                w.Int32(c.Round);
                w.Score(c.Score);
                w.Text(c.Reason, Limits.ReasonChars);
                break;
            case EndRun c:
                w.Bool(c.Failed);
                w.Text(c.Reason, Limits.ReasonChars);
                break;
        }
        return written.WrittenSpan.ToArray();
    }

    /// <exception cref="InvalidDataException">The bytes are no command that this version knows.</exception>
    public static Command Decode(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > Limits.CommandBytes)
            throw FactReader.Bad($"{bytes.Length} bytes, {Limits.CommandBytes} allowed");
        var r = new FactReader(bytes);
        if (r.Byte() is var version and not Version)
            throw FactReader.Bad($"version {version}; this program knows {Version}");
        byte kind = r.Byte();
        var run = r.Run();
        long at = r.Int64();
        Command command = kind switch
        {
            1 => new OpenRun(run, r.Rules(), r.Text(Limits.PlanChars), at),
            2 => new Join(run, r.Trainer(), r.UInt64(), r.UInt64(), r.Int64(), at),
            3 => new Leave(run, r.Trainer(), r.UInt64(), at),
            4 => new AcceptUpdate(run, r.Int32(), r.Trainer(), r.Hash(), r.Int64(), r.Int64(), r.Double(), at),
            5 => new CloseRound(run, r.Int32(), at),
            6 => new PublishModel(run, r.Int32(), r.Hash(), r.Int64(), "", at),
            7 => new RecordScore(run, r.Int32(), r.Score(), r.Text(Limits.ReasonChars), at),
            8 => new EndRun(run, r.Bool(), r.Text(Limits.ReasonChars), at),
            9 => new PublishModel(run, r.Int32(), r.Hash(), r.Int64(), r.Reason(), at),
            _ => throw FactReader.Bad($"a command of the unknown kind {kind}"),
        };
        r.End();
        return command;
    }

    internal static void Rules(this FactWriter w, RunRules rules)
    {
        w.Int32(rules.Rounds);
        w.Int32(rules.MinTrainers);
        w.Int32(rules.MinResults);
        w.Span(rules.Deadline);
        w.Span(rules.Grace);
        w.Int32(rules.KeepUpdateRounds);
        w.Int32(rules.KeepModels);
    }

    internal static RunRules Rules(this ref FactReader r) => new()
    {
        Rounds = r.Int32(), MinTrainers = r.Int32(), MinResults = r.Int32(), Deadline = r.Span(), Grace = r.Span(),
        KeepUpdateRounds = r.Int32(), KeepModels = r.Int32(),
    };

    private static string Reason(this ref FactReader r) => r.Text(Limits.ReasonChars) is { Length: > 0 } reason
        ? reason
        : throw FactReader.Bad("an empty reason, which has a kind of its own");

    internal static void Score(this FactWriter w, Score? score)
    {
        w.Bool(score is not null);
        if (score is null) return;
        w.Double(score.Loss);
        w.Double(score.Accuracy);
        w.Int32(score.Images);
    }

    internal static Score? Score(this ref FactReader r) => r.Bool()
        ? new Score(r.Double(), r.Double(), r.Int32())
        : null;
}
