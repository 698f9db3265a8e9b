using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Quorate.Coordinator.Settings;
using Quorate.Rounds;

namespace Quorate.Coordinator.Evaluation;

/// <summary>
/// The trainer program as a child process, for what needs torch: the initial model and the scores. A coordinator never
/// loads torch itself, so whatever goes wrong in there costs a score and not a leader. The child is niced below the
/// coordinator, bounded in time and in what it may print, and dies with the step that started it.
/// </summary>
internal sealed class TrainerProgram(CoordinatorOptions options, TimeProvider time)
{
    private const int OutputCharsMax = 64 * 1024;

    /// <summary>Nice 10: the coordinator and the trainers next to it come first, and the score still arrives.</summary>
    private const string Niceness = "10";

    private static readonly TimeSpan InitTimeout = TimeSpan.FromSeconds(120);

    public bool Exists => options.TrainerProgram is not null;

    /// <summary>Writes the run's initial model to <paramref name="path"/>.</summary>
    /// <exception cref="TrainerProgramException">It failed, or took longer than two minutes.</exception>
    public async Task MakeInitialModelAsync(string plan, string path, CancellationToken token) =>
        await RunAsync(plan, run => ["init", "--run", run, "--out", path], InitTimeout, token);

    /// <summary>
    /// Scores the model in <paramref name="model"/> on the first <paramref name="images"/> held-out images.
    /// </summary>
    /// <exception cref="TrainerProgramException">It failed, took too long, or printed no score.</exception>
    public async Task<Score> ScoreAsync(string plan, string model, int images, CancellationToken token)
    {
        string count = images.ToString(CultureInfo.InvariantCulture);
        string output = await RunAsync(
            plan, run =>
                ["score", "--run", run, "--model", model, "--images", count, "--json"], options.ScoreTimeout, token);
        string last = output.TrimEnd().Split('\n')[^1];
        try
        {
            using var json = JsonDocument.Parse(last);
            var root = json.RootElement;
            var score = new Score(
                root.GetProperty("loss").GetDouble(), root.GetProperty("accuracy").GetDouble(), root.GetProperty(
                    "images").GetInt32());
            return score is { Accuracy: >= 0 and <= 1, Images: > 0 } && double.IsFinite(score.Loss)
                ? score
                : throw new TrainerProgramException($"The trainer program printed an impossible score: {last}");
        }
        catch (Exception e) when (
            e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new TrainerProgramException($"The trainer program printed no score: {e.Message}");
        }
    }

    private async Task<string> RunAsync(string plan, Func<string, string[]> arguments, TimeSpan timeout,
        CancellationToken token)
    {
        string program = options.TrainerProgram ?? throw new TrainerProgramException(
            "There is no trainer program here.");
        string planPath = Path.Combine(options.DataDirectory, $"plan-{Guid.NewGuid():N}.json");
        try
        {
            await File.WriteAllTextAsync(planPath, plan, token);
            using var bound = new CancellationTokenSource(timeout, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(token, bound.Token);
            try
            {
                return await RunAsync(Command(program, arguments(planPath)), either.Token);
            }
            catch (OperationCanceledException) when (!token.IsCancellationRequested)
            {
                throw new TrainerProgramException($"The trainer program took longer than {timeout.TotalSeconds:F0} s.");
            }
        }
        finally
        {
            File.Delete(planPath);
        }
    }

    private static ProcessStartInfo Command(string program, string[] arguments)
    {
        var start = new ProcessStartInfo { RedirectStandardOutput = true, RedirectStandardError = true,
            RedirectStandardInput = true };
        List<string> words = program.EndsWith(".dll", StringComparison.Ordinal) ? ["dotnet", program] : [program];
        if (OperatingSystem.IsLinux()) words = ["nice", "-n", Niceness, .. words];
        start.FileName = words[0];
        foreach (string word in words.Skip(1).Concat(arguments)) start.ArgumentList.Add(word);
        start.Environment["OMP_NUM_THREADS"] = "1";
        // A coordinator killed with -9 cannot kill its child; the child notices that its input ended.
        start.Environment["QUORATE_EXIT_ON_STDIN_CLOSE"] = "1";
        return start;
    }

    private static async Task<string> RunAsync(ProcessStartInfo start, CancellationToken token)
    {
        using var process = Process.Start(start) ?? throw new TrainerProgramException(
            $"{start.FileName} did not start.");
        try
        {
            var output = ReadAsync(process.StandardOutput, token);
            var errors = ReadAsync(process.StandardError, token);
            await process.WaitForExitAsync(token);
            return process.ExitCode == 0
                ? await output
                : throw new TrainerProgramException(
                    $"The trainer program ended with code {process.ExitCode}: {(await errors).Trim()}")
                { ExitCode = process.ExitCode };
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }

    /// <summary>
    /// Reads to the end and keeps the last part, so that a child that prints without end blocks nobody.
    /// </summary>
    private static async Task<string> ReadAsync(StreamReader reader, CancellationToken token)
    {
        var kept = new System.Text.StringBuilder();
        char[] buffer = new char[4096];
        for (int count; (count = await reader.ReadAsync(buffer, token)) > 0;)
        {
            kept.Append(buffer, 0, count);
            if (kept.Length > OutputCharsMax) kept.Remove(0, kept.Length - OutputCharsMax);
        }
        return kept.ToString();
    }
}

/// <summary>The trainer program could not do its work; the sentence says why.</summary>
internal sealed class TrainerProgramException(string sentence) : Exception(sentence)
{
    /// <summary>What it exited with; 0 when it did not get that far.</summary>
    public int ExitCode { get; init; }

    /// <summary>The program's code for input that no retry mends.</summary>
    public bool IsBadInput => ExitCode == 2;
}
