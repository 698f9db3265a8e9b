using System.Text.Json;
using System.Text.Json.Nodes;
using Quorate.Coordinator.Settings;
using Quorate.Rounds;

namespace Quorate.Coordinator.Evaluation;

/// <summary>
/// Runs the trainer program as a child process for the work that needs torch: initial models and scores. A coordinator
/// never loads torch itself, so a fault in torch costs a score and not a leader. The first request starts the child,
/// which serves further requests until <see cref="StopChild"/>, because a start takes five times as long as a score.
/// Invariant: a child that died, hung or gave an unrelated answer is never used again.
/// </summary>
internal sealed class TrainerProgram(CoordinatorOptions options, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan _initTimeout = TimeSpan.FromSeconds(120);

    private readonly SemaphoreSlim _one = new(1);
    private string? _program;
    private TrainerChild? _child;
    private long _requests;

    public bool Exists => Program is not null;

    // Once found, the path is kept: if the file is missing for a moment because it is being rebuilt, a retry helps.
    private string? Program => _program ??= options.TrainerPrograms.FirstOrDefault(File.Exists);

    /// <summary>Writes the run's initial model to <paramref name="path"/>.</summary>
    /// <exception cref="TrainerProgramException">It failed, or took longer than two minutes.</exception>
    public async Task MakeInitialModelAsync(string plan, string path, CancellationToken token) =>
        await AskAsync(
            new JsonObject { ["task"] = "init", ["plan"] = plan, ["model"] = path }, _initTimeout, _ => true, token);

    /// <summary>
    /// Scores the model in <paramref name="model"/> on the first <paramref name="images"/> held-out images.
    /// </summary>
    /// <exception cref="TrainerProgramException">It failed, took too long, or printed no score.</exception>
    public async Task<Metrics> ScoreAsync(string plan, string model, int images, CancellationToken token) =>
        await AskAsync(
            new JsonObject { ["task"] = "score", ["plan"] = plan, ["model"] = model, ["images"] = images },
            options.ScoreTimeout,
            answer =>
            {
                double loss = answer.GetProperty("loss").GetDouble();
                double accuracy = answer.GetProperty("accuracy").GetDouble();
                int scored = answer.GetProperty("images").GetInt32();
                return accuracy is >= 0 and <= 1 && scored > 0 && double.IsFinite(loss)
                    ? Metrics.Of((Metrics.Loss, loss), (Metrics.Accuracy, accuracy), (Metrics.Examples, scored))
                    : throw new TrainerProgramException($"The trainer program printed an impossible score: {answer}");
            },
            token);

    /// <summary>Ends the child. The next request starts another.</summary>
    public void StopChild() => Interlocked.Exchange(ref _child, null)?.Dispose();

    public void Dispose() => StopChild();

    private async Task<T> AskAsync<T>(
        JsonObject request, TimeSpan timeout, Func<JsonElement, T> read, CancellationToken token)
    {
        await _one.WaitAsync(token);
        using var bound = new CancellationTokenSource(timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(token, bound.Token);
        bool whole = false;
        try
        {
            long id = ++_requests;
            request["id"] = id;
            string line = await Child().AskAsync(request.ToJsonString(), either.Token);
            using var json = Parse(line, id);
            bool refused = json.RootElement.TryGetProperty("error", out var why);
            bool passing = json.RootElement.TryGetProperty("passing", out _);
            var answer = refused ? default : read(json.RootElement);
            whole = true;
            return !refused ? answer! : throw new TrainerProgramException($"{why}")
            {
                ExitCode = passing ? 0 : TrainerProgramException.BadInput,
            };
        }
        catch (OperationCanceledException) when (!token.IsCancellationRequested)
        {
            throw new TrainerProgramException($"The trainer program took longer than {timeout.TotalSeconds:F0} s.");
        }
        catch (Exception e) when (
            e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new TrainerProgramException($"The trainer program printed no answer: {e.Message}");
        }
        finally
        {
            if (!whole) StopChild();
            _one.Release();
        }
    }

    private TrainerChild Child()
    {
        if (Volatile.Read(ref _child) is { } child) return child;
        return _child = new TrainerChild(Program ?? throw new TrainerProgramException(
            "There is no trainer program here."));
    }

    /// <exception cref="FormatException">The line answers another request.</exception>
    private static JsonDocument Parse(string line, long id)
    {
        var json = JsonDocument.Parse(line);
        if (json.RootElement.GetProperty("id").GetInt64() == id) return json;
        json.Dispose();
        throw new FormatException($"it answers another request than {id}: {line}");
    }
}

/// <summary>The trainer program failed; the message says why.</summary>
internal sealed class TrainerProgramException(string sentence) : Exception(sentence)
{
    /// <summary>The program's exit code for bad input, which a retry cannot fix.</summary>
    public const int BadInput = 2;

    /// <summary>
    /// The program's exit code, or <see cref="BadInput"/> if its answer refused the input; 0 if it did not exit, or if
    /// it called the fault temporary.
    /// </summary>
    public int ExitCode { get; init; }

    public bool IsBadInput => ExitCode == BadInput;
}
