using static Quorate.Rounds.Command;

namespace Quorate.Rounds;

/// <summary>
/// Commands as bytes, as they are in the log: a head (<see cref="FeatureLevel"/>), a kind, a record. One command has
/// one encoding. A log outlives the build that wrote it: kinds are appended and never renumbered, and a field is added
/// at the end of its record, never by a new kind.
/// </summary>
public static class CommandCodec
{
    /// <param name="level">The cluster's: <see cref="ClusterState.Level"/>.</param>
    /// <exception cref="ArgumentException">No decoder would accept it: an id is not set, or a text exceeds its
    /// limit.</exception>
    public static byte[] Encode(Command command, int level)
    {
        ArgumentNullException.ThrowIfNull(command);
        var w = new FactWriter(level);
        w.WriteHead();
        WriteBody(w, command);
        return w.Written.ToArray();
    }

    /// <summary>
    /// What a command asks for, as a hash: everything except its key, its time and its actor. It is the same at every
    /// level at which the command can be written.
    /// </summary>
    internal static BlobHash MeaningOf(Command command, int level)
    {
        var w = new FactWriter(level);
        WriteBody(w, command with { At = 0, Actor = "", Key = default });
        return BlobHash.Of(w.Written.Span);
    }

    /// <exception cref="InvalidDataException">The bytes are not a command that this build knows.</exception>
    /// <exception cref="UnsupportedFormatException">Another build wrote them.</exception>
    public static Command Decode(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > Limits.CommandBytes)
            throw FactReader.Bad($"{bytes.Length} instead of at most {Limits.CommandBytes} bytes");
        var head = new FactReader(bytes);
        head.ReadFeatureLevel();
        byte kind = head.Byte();
        var r = head.Record();
        head.End();
        long at = r.Int64();
        string actor = r.Text(Limits.ActorChars);
        var key = r.Key();
        var command = ReadFields(ref r, kind, at) with { Actor = actor, Key = key };
        r.End();
        return command;
    }

    private static void WriteBody(FactWriter w, Command command)
    {
        w.Byte(KindOf(command));
        using var record = w.Record();
        w.Int64(command.At);
        w.Text(command.Actor, Limits.ActorChars);
        w.Key(command.Key);
        if (command is OfRun { Run: var run }) w.Run(run);
        WriteFields(w, command);
    }

    private static byte KindOf(Command command) => command switch
    {
        OpenRun => 1,
        Join => 2,
        Leave => 3,
        AcceptUpdate => 4,
        CloseRound => 5,
        PublishModel => 6,
        RecordScore => 7,
        EndRun => 8,
        RaiseLevel => 9,
        NameCluster => 10,
        PauseRun => 11,
        ResumeRun => 12,
        HoldLevel => 13,
        LimitActiveRuns => 14,
        _ => throw new System.Diagnostics.UnreachableException($"Unknown command {command.GetType()}."),
    };

    private static void WriteFields(FactWriter w, Command command)
    {
        switch (command)
        {
            case OpenRun c:
                w.Text(c.Plan, Limits.PlanChars);
                w.Rules(c.Rules);
                w.Parent(c.Parent);
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
                Metrics.Write(w, c.Metrics);
                break;
            case CloseRound c:
                w.Int32(c.Round);
                break;
            case PublishModel c:
                WritePublication(w, c);
                break;
            case RecordScore c:
                w.Int32(c.Round);
                w.Text(c.Reason, Limits.ReasonChars);
                Metrics.Write(w, c.Metrics);
                break;
            case EndRun c:
                w.Bool(c.Failed);
                w.Text(c.Reason, Limits.ReasonChars);
                break;
            case RaiseLevel c:
                if (c.Level is < FeatureLevel.First or > FeatureLevel.Supported)
                    throw new ArgumentException($"This build does not support feature level {c.Level}.");
                w.Byte((byte)c.Level);
                break;
            case HoldLevel c:
                w.Bool(c.Held);
                break;
            case LimitActiveRuns c:
                w.Int32(c.Max);
                break;
            case NameCluster c:
                w.Cluster(c.Id.IsSet ? c.Id : throw new ArgumentException("The cluster's id is not set."));
                break;
        }
    }

    private static Command ReadFields(ref FactReader r, byte kind, long at) => kind switch
    {
        1 => ReadOpening(ref r, at),
        2 => new Join(r.Run(), r.Trainer(), r.UInt64(), r.UInt64(), r.Int64(), at),
        3 => new Leave(r.Run(), r.Trainer(), r.UInt64(), at),
        4 => new AcceptUpdate(
            r.Run(), r.Int32(), r.Trainer(), r.Hash(), r.Int64(), r.Int64(), Metrics.Read(ref r), at),
        5 => new CloseRound(r.Run(), r.Int32(), at),
        6 => ReadPublication(ref r, at),
        7 => ReadScore(ref r, at),
        8 => new EndRun(r.Run(), r.Bool(), r.Text(Limits.ReasonChars), at),
        9 => new RaiseLevel(ReadLevel(ref r), at),
        10 => new NameCluster(
            r.Cluster() is { IsSet: true } id ? id : throw FactReader.Bad("a cluster id that is not set"), at),
        11 => new PauseRun(r.Run(), at),
        12 => new ResumeRun(r.Run(), at),
        13 => new HoldLevel(r.Bool(), at),
        14 => new LimitActiveRuns(r.Int32(), at),
        _ => throw FactReader.Bad($"a command of the unknown kind {kind}"),
    };

    private static OpenRun ReadOpening(ref FactReader r, long at)
    {
        var run = r.Run();
        string plan = r.Text(Limits.PlanChars);
        return new OpenRun(run, r.Rules(), plan, at) { Parent = r.Parent() };
    }

    private static void WritePublication(FactWriter w, PublishModel publish)
    {
        w.Int32(publish.Round);
        w.Blob(publish.Model);
        w.Text(publish.Unscored, Limits.ReasonChars);
        w.Memory(publish.Memory);
        Metrics.Write(w, publish.Metrics);
        w.Contributors(publish.Contributors);
    }

    private static PublishModel ReadPublication(ref FactReader r, long at) =>
        new(r.Run(), r.Int32(), r.Blob(), at)
        {
            Unscored = r.Text(Limits.ReasonChars), Memory = r.Memory(), Metrics = Metrics.Read(ref r),
            Contributors = r.Contributors(),
        };

    private static RecordScore ReadScore(ref FactReader r, long at)
    {
        var run = r.Run();
        int round = r.Int32();
        string reason = r.Text(Limits.ReasonChars);
        return new RecordScore(run, round, Metrics.Read(ref r), reason, at);
    }

    private static int ReadLevel(ref FactReader r)
    {
        int level = r.Byte();
        FeatureLevel.Require(level);
        return level;
    }
}
