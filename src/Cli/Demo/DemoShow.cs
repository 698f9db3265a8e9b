using Quorate.Cli.Show;
using Quorate.Shared.Protocol;
using Quorate.Shared.Runs;
using Quorate.Shared.Text;
using Quorate.Shared.Transfer;

namespace Quorate.Cli.Demo;

/// <summary>The whole demo: one run, or an undisturbed run and then one with kills, and the results.</summary>
internal sealed class DemoShow(DemoOptions options, TimeProvider time)
{
    /// <summary>Where progress is shown. With --json, stdout has only the JSON object.</summary>
    private readonly Output _progress = options.Json ? Output.Errors : Output.Standard;

    private DemoRun? _current;

    public async Task<ExitCode> RunAsync(CancellationToken token)
    {
        var run = RunOverrides.Apply(RunFile.Load(options.RunFile), options.Rounds, options.Trainers);
        if (run.Training is null)
            throw new CommandException(ExitCode.BadInput,
                $"{options.RunFile} has no section 'training', so the demo's trainers would have nothing to do.");
        Programs.RequireBuilt();
        using var place = options.Keep is null ? DemoPlace.Take(Path.GetFullPath("run")) : null;
        string modelPath = OutputFile.Prepare(
            Path.Combine(options.Keep ?? place!.Path, "model.pt"), DownloadFiles.PartSuffix, DemoPlace.Advice);
        string folder = Folder();
        bool done = false;
        using var limit = new CancellationTokenSource(options.Timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(token, limit.Token);
        try
        {
            var code = await WithView(view => RunAsync(run, folder, modelPath, view, either.Token));
            done = true;
            return code;
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !token.IsCancellationRequested)
        {
            string why = _current is { Reasons: { Length: > 0 } reasons } ? $" {reasons}" : "";
            throw new CommandException(ExitCode.TimedOut,
                $"The demo did not end within {options.Timeout.TotalSeconds:0} s (--timeout).{why}");
        }
        catch (OperationCanceledException)
        {
            done = true;
            throw;
        }
        finally
        {
            if (done && options.Keep is null) Directory.Delete(folder, recursive: true);
            else if (!done) Output.Errors.Line($"Data and logs are in {folder}");
        }
    }

    private async Task<ExitCode> RunAsync(
        RunFile run, string folder, string modelPath, IDemoView view, CancellationToken token)
    {
        int trainers = run.Rules.MinTrainers, rounds = run.Rules.Rounds;
        view.Line($"{run.Name}: {PlainText.Count(options.Coordinators, "coordinator")}, "
            + $"{PlainText.Count(trainers, "trainer")}, {PlainText.Count(rounds, "round")}; logs in {folder}",
            Tone.Plain);
        RunOutcome? undisturbed = null;
        if (options.Kills > 0)
        {
            view.Line("First undisturbed:", Tone.Plain);
            string apart = Path.Combine(folder, "undisturbed");
            _current = new DemoRun(
                DemoFolder.Create(apart, options.Coordinators, run), "undisturbed", trainers, [],
                Path.Combine(apart, "model.pt"), view, time);
            undisturbed = await _current.RunAsync(token);
            view.Line($"sha256 {undisturbed.Sha256} after {undisturbed.Seconds:0.0} s. Now the same run, but the "
                + $"leader is killed:", Tone.Plain);
        }
        var kills = options.KillSeed is { } seed ? KillPlan.Drawn(options.Kills, seed, rounds, trainers)
            : options.Kills > 0 ? KillPlan.Once(rounds, trainers) : [];
        _current = new DemoRun(DemoFolder.Create(folder, options.Coordinators, run), $"{run.Name}", trainers,
            kills, modelPath, view, time);
        var outcome = await _current.RunAsync(token);
        return Conclude(run, outcome, undisturbed, kills.Count, modelPath, view);
    }

    private ExitCode Conclude(RunFile run, RunOutcome outcome, RunOutcome? undisturbed, int kills, string modelPath,
        IDemoView view)
    {
        var score = outcome.Model.Score;
        if (kills > 1) ShowTable(outcome.Failovers, view);
        view.Line(
            score is null ? $"The final model was not scored: {outcome.Model.Unscored}"
            : $"accuracy {100 * score.Metrics.GetValueOrDefault("accuracy"):0.00} % on "
                + $"{score.Metrics.GetValueOrDefault("examples"):#,0} test images "
                + $"after {outcome.Seconds:0.0} s",
            Tone.Good);
        view.Line($"model {modelPath}", Tone.Good);
        view.Line($"sha256 {outcome.Sha256}", Tone.Good);
        bool same = undisturbed is null || undisturbed.Sha256 == outcome.Sha256;
        if (undisturbed is not null)
        {
            view.Line($"undisturbed {undisturbed.Sha256}", Tone.Good);
            view.Line(same ? "The two final models are identical." : "The two final models are DIFFERENT.",
                same ? Tone.Good : Tone.Bad);
        }
        var failures = outcome.Lost.ToList();
        if (outcome.Failovers.Count < kills)
            failures.Add($"Only {outcome.Failovers.Count} of {kills} leaders were killed before the run ended.");
        foreach (string failure in failures) view.Line(failure, Tone.Bad);
        if (options.Json) Output.Standard.Whole(Result(run, outcome, undisturbed, score, modelPath).ToJson());
        return same && failures.Count == 0 ? ExitCode.Ok : ExitCode.Differs;
    }

    private static DemoResult Result(RunFile run, RunOutcome outcome, RunOutcome? undisturbed, ScoreStatus? score,
        string modelPath) => new(
        run.Name.ToString(), outcome.Run.Rounds, score?.Metrics.GetValueOrDefault("accuracy"), outcome.Sha256,
        undisturbed?.Sha256, modelPath,
        Math.Round(outcome.Seconds, 2),
        [.. outcome.Failovers.Select(f => new FailoverResult(
            f.KilledNode, f.NewLeader, f.SecondsToNextAccept is { } s
                ? Math.Round(s, 3)
                : null, f.UpdatesSafe, f.UpdatesRetrained))],
        outcome.Peak);

    private static void ShowTable(IReadOnlyList<Failover> failovers, IDemoView view)
    {
        view.Line("round  killed  new leader  term  next accept  safe  retrained", Tone.Plain);
        foreach (var f in failovers)
        {
            view.Line(
                $"{f.Round,5}  node {f.KilledNode}  node {f.NewLeader,-5}  {f.Term,4}  "
                + $"{f.SecondsToNextAccept,9:0.00} s  {f.UpdatesSafe,2}/{f.UpdatesExpected}  {f.UpdatesRetrained,9}",
                Tone.Plain);
        }
    }

    private async Task<ExitCode> WithView(Func<IDemoView, Task<ExitCode>> run)
    {
        if (!_progress.IsTerminal) return await run(new PlainView(_progress));
        using var view = new LiveView(_progress);
        return await run(view);
    }

    private string Folder()
    {
        if (options.Keep is null)
        {
            try
            {
                return Directory.CreateTempSubdirectory("quorate-demo-").FullName;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new CommandException(ExitCode.BadInput,
                    $"The demo cannot keep its data and logs in {Path.GetTempPath()}: {e.Message} {DemoPlace.Advice}");
            }
        }
        if (Directory.Exists(options.Keep) && Directory.EnumerateFileSystemEntries(options.Keep).Any())
            throw new CommandException(ExitCode.BadInput, $"--keep {options.Keep} is not empty; name a new folder.");
        return options.Keep;
    }
}
