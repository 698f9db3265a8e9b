using System.Text.Json;
using System.Text.Json.Nodes;
using Quorate.Shared.Runs;
using Quorate.Trainer.Data;
using Quorate.Trainer.Models;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Quorate.Trainer.Learning;

/// <summary>
/// Makes first models and scores models for a coordinator, for as many requests as it sends. libtorch, the network and
/// the test images are loaded once. A request and its answer are one JSON object each:
/// <code>
/// {"id": 1, "task": "init", "plan": RUN FILE AS TEXT, "model": PATH}                  -> {"id": 1}
/// {"id": 2, "task": "score", "plan": RUN FILE AS TEXT, "model": PATH, "images": 2000} -> {"id": 2, "loss": 0.05, ...}
///                                                           what no retry helps       -> {"id": 2, "error": SENTENCE}
///                                               it may pass, such as a full disk      -> {..., "passing": true}
/// </code>
/// </summary>
/// <param name="dataFolder">Instead of the folder that the run names; null: that one.</param>
internal sealed class ModelServer(string? dataFolder, Device device) : IDisposable
{
    private string? _plan;
    private Module<Tensor, Tensor>? _network;
    private ImageSet? _images;

    /// <summary>
    /// Answers the lines of <paramref name="input"/> in their order, until it ends or <paramref name="cancellation"/>.
    /// A scoring then stops between two batches.
    /// </summary>
    public async Task ServeAsync(TextReader input, TextWriter output, CancellationToken cancellation)
    {
        using var closed = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var answering = Task.CompletedTask;
        while (await input.ReadLineAsync(cancellation) is { } request)
        {
            await answering;
            answering = Task.Run(() => output.WriteLine(Answer(request, closed.Token)), cancellation);
        }
        await closed.CancelAsync();
        await answering.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <exception cref="JsonException">It is no request: the coordinator is of another version.</exception>
    public string Answer(string request, CancellationToken cancellation)
    {
        using var json = JsonDocument.Parse(request);
        var asked = json.RootElement;
        var answer = new JsonObject { ["id"] = asked.GetProperty("id").GetInt64() };
        try
        {
            string model = asked.GetProperty("model").GetString()!;
            string text = asked.GetProperty("plan").GetString()!;
            RunFile run = RunFile.Parse(text);
            TrainingPlan plan = run.Training ?? throw new TrainerException("the run names no model.");
            if (asked.GetProperty("task").GetString() == "init")
            {
                using var network = ModelFactory.Initial(plan.Model, run.Seed);
                ModelFile.Save(network, model);
            }
            else
            {
                Score score = Score(text, plan, model, asked.GetProperty("images").GetInt32(), cancellation);
                (answer["loss"], answer["accuracy"], answer["images"]) = (score.Loss, score.Accuracy, score.Images);
            }
        }
        catch (Exception e) when (e is TrainerException or RunFileException)
        {
            answer["error"] = e.Message;
            if (e is TrainerException { IsTemporary: true }) answer["passing"] = true;
        }
        return answer.ToJsonString();
    }

    public void Dispose()
    {
        _network?.Dispose();
        _images?.Dispose();
    }

    private Score Score(string text, TrainingPlan plan, string model, int images, CancellationToken cancellation)
    {
        if (_plan != text)
        {
            Dispose();
            (_plan, _network, _images) = (null, null, null);
            _images = DataSets.Open(plan.Data, dataFolder).Test(count: null, device);
            _network = ModelFactory.Build(plan.Model).to(device);
            _plan = text;
        }
        ModelFile.Load(_network!, model);
        return Scoring.Of(_network!, _images!, images, cancellation);
    }
}
