using System.Text;
using Quorate.Rounds;

namespace Quorate.Shared.Runs;

/// <summary>
/// A run, as a file under config/runs describes it. The coordinators replicate it as <see cref="Json"/>, so every
/// coordinator and trainer works by the same text. <see cref="Parse"/> and <see cref="Load"/> check the ranges given
/// here; a copy changed with <c>with</c> is checked by parsing its <see cref="Json"/>.
/// </summary>
public sealed record RunFile
{
    /// <summary>The longest <see cref="Json"/>, in bytes: it travels in one log entry.</summary>
    public const int JsonBytesMax = Limits.PlanChars;

    /// <summary>The longest file, in bytes, comments included.</summary>
    public const int FileBytesMax = 256 * 1024;

    /// <summary>
    /// A laptop that sleeps through two rounds is still awaited; a trainer that never delivers costs three deadlines.
    /// </summary>
    internal const int MaxMissedRoundsDefault = 3;

    /// <summary>Key <c>name</c>.</summary>
    public required RunId Name { get; init; }

    /// <summary>
    /// Keys <c>rounds</c>, <c>minTrainers</c>, <c>minResults</c> (absent: minTrainers), <c>deadlineSeconds</c> (absent:
    /// 600), <c>graceSeconds</c> (absent: 0), <c>keepUpdateRounds</c> (absent: 2), <c>keepModels</c> (absent: 10),
    /// <c>maxExamples</c> (absent: training.data.shardExamples, or no limit), <c>maxShare</c> (absent: 1),
    /// <c>maxMissedRounds</c> (absent: 3), <c>initial</c> (upload or trainer) and <c>scoring.metric</c> (absent:
    /// accuracy), in the ranges given there.
    /// </summary>
    public required RunRules Rules { get; init; }

    /// <summary>What every random choice of the run derives from.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Null: the coordinators only coordinate. A user uploads the initial model and trains with another
    /// framework.</summary>
    public required TrainingPlan? Training { get; init; }

    /// <summary>Null: models are not scored.</summary>
    public required ScoringPlan? Scoring { get; init; }

    /// <summary>Null: the weighted mean, with the default key rules.</summary>
    public AggregationSection? Aggregation { get; init; }

    /// <summary>The whole file on one line: no comments, keys in a fixed order, the newer keys only where they differ
    /// from their defaults. Equal runs have equal text.</summary>
    public string Json => RunFileWriter.Write(this);

    /// <param name="json">The text of a run file; comments are allowed.</param>
    /// <param name="source">What errors call the text.</param>
    /// <exception cref="RunFileException">With every error there is.</exception>
    public static RunFile Parse(string json, string source = "The text") => RunFileReader.Read(json, source);

    /// <exception cref="RunFileException">With every error there is; also when the file cannot be read.</exception>
    public static RunFile Load(string path)
    {
        try
        {
            if (new FileInfo(path).Length > FileBytesMax)
                throw new RunFileException(path, [$"It is longer than {FileBytesMax / 1024} KiB."]);
            return Parse(File.ReadAllText(path, Encoding.UTF8), path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new RunFileException($"There is no file {path}.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RunFileException($"{path} cannot be read: {e.Message}");
        }
    }
}

/// <summary>A run file is wrong. <see cref="Errors"/> holds every error found, not only the first.</summary>
public sealed class RunFileException : Exception
{
    public RunFileException(string source, IReadOnlyList<string> errors)
        : base($"{source} is not a run file: {string.Join(" ", errors)}") => Errors = errors;

    /// <summary>There is no text to look at.</summary>
    public RunFileException(string sentence)
        : base(sentence) => Errors = [sentence];

    /// <summary>One sentence for each error. It begins with the key's path (such as <c>training.data.shards</c>) and
    /// says what the value must be.</summary>
    public IReadOnlyList<string> Errors { get; }
}
