namespace Quorate.Rounds;

/// <summary>
/// The formats and behaviours that a build knows. The cluster has a level (<see cref="ClusterState.Level"/>), which
/// rises once every member supports a higher one; facts are written at the cluster's level, so builds of different
/// levels can be mixed while a cluster is upgraded.
/// <para>
/// To add a field: raise <see cref="Supported"/>, append the field to its record, write it only at the new level
/// (<see cref="FactWriter.Level"/>), and let zero mean what its absence meant.
/// </para>
/// </summary>
public static class FeatureLevel
{
    /// <summary>The level of a new cluster.</summary>
    public const int First = 1;

    /// <summary>The highest level that this build supports.</summary>
    public const int Supported = 1;

    /// <summary>The first byte of every command and state of this format. Earlier formats began with 1 or 2.</summary>
    private const byte Format = 3;

    internal static void WriteHead(this FactWriter w)
    {
        w.Byte(Format);
        w.Byte(checked((byte)w.Level));
    }

    /// <returns>The level at which the bytes that follow were written.</returns>
    /// <exception cref="UnsupportedFormatException">An earlier format, or a level above this build's.</exception>
    /// <exception cref="InvalidDataException">There is no such format or level.</exception>
    internal static int ReadFeatureLevel(this ref FactReader r)
    {
        byte format = r.Byte();
        if (format is 1 or 2)
            throw new UnsupportedFormatException(
                "This data directory was written by an earlier format of Quorate. Export the models with "
                + "`quorate pull` of the old build, then start a new cluster with an empty data directory.");
        if (format != Format) throw FactReader.Bad($"format {format}; this build reads {Format}");
        int level = r.Byte();
        Require(level);
        return level;
    }

    /// <exception cref="UnsupportedFormatException">This build does not support the level.</exception>
    /// <exception cref="InvalidDataException">There is no such level.</exception>
    internal static void Require(int level)
    {
        if (level < First) throw FactReader.Bad($"feature level {level}");
        if (level > Supported)
            throw new UnsupportedFormatException(
                $"This log was written at feature level {level}; this build supports up to {Supported}. "
                + "Install a newer build.");
    }
}

/// <summary>
/// The bytes are intact, but another build wrote them and this one cannot read them. The message says what to do. Not
/// an <see cref="InvalidDataException"/>, because the remedy for damaged data would lose these.
/// </summary>
public sealed class UnsupportedFormatException(string message) : Exception(message);
