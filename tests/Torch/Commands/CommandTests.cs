using System.Text.Json;
using Quorate.Shared.Runs;
using Quorate.Trainer.Models;
using static TorchSharp.torch;

namespace Quorate.Torch.Commands;

public sealed class CommandTests : IDisposable
{
    private const string Run = "config/runs/mnist-logistic.json";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_model_that_always_says_one_scores_as_often_as_there_are_ones()
    {
        using (var model = ModelFactory.Build(ModelKind.Logistic))
        {
            using IDisposable noGrad = no_grad();
            foreach (var parameter in model.parameters())
                parameter.zero_();
            model.get_parameter("linear.bias")![1] = 1f;
            ModelFile.Save(model, _folder["ones.pt"]);
        }

        TrainerProcess score = await TrainerProcess.RunAsync(
            "score", "--run", Run, "--model", _folder["ones.pt"], "--json");

        Assert.Equal((0, ""), (score.ExitCode, score.Errors));
        JsonElement json = JsonSerializer.Deserialize<JsonElement>(score.Output.Trim().Split('\n')[^1]);
        Assert.Equal(10_000, json.GetProperty("images").GetInt32());
        Assert.Equal(0.1135, json.GetProperty("accuracy").GetDouble()); // 1,135 of the 10,000 test images show a one
        // Logits are 0 but for one 1: -log softmax is log(9 + e), less 1 for the ones.
        Assert.Equal(Math.Log(9 + Math.E) - 0.1135, json.GetProperty("loss").GetDouble(), 5);
    }

    [Theory]
    [InlineData("There is no file no/such/run.json.", "score", "--run", "no/such/run.json", "--model", "m.pt")]
    [InlineData("no-such.pt cannot be read: ", "score", "--run", Run, "--model", "no-such.pt")]
    [InlineData("global.json is not a model file: ", "score", "--run", Run, "--model", "global.json")]
    [InlineData("there is no shard 10: ", "train", "--run", Run, "--model", "m.pt", "--out", "u.pt", "--shard", "10")]
    [InlineData("--device tpu names no device: ", "score", "--run", Run, "--model", "m.pt", "--device", "tpu")]
    [InlineData("libtorch is missing: ", "init", "--run", Run, "--out", "m.pt", "--libtorch", "config")]
    [InlineData("global.json/m.pt cannot be written: ", "init", "--run", Run, "--out", "global.json/m.pt")]
    [InlineData("/dev/null is a pipe or a device", "init", "--run", Run, "--out", "/dev/null")]
    [InlineData("config is a folder: ", "train", "--run", Run, "--model", "m.pt", "--out", "config", "--shard", "0")]
    [InlineData("--images must be a whole number from 1 to 2147483647, not '0'.", "score", "--run", Run, "--model",
        "m.pt", "--images", "0")]
    [InlineData("Unrecognized command or argument 'stray'.", "--id", "0", "stray")]
    [InlineData("There is no no/hosts.json. ", "--once", "--hosts", "no/hosts.json", "--id", "0")]
    [InlineData("--id is missing; it must be 1 to 63 characters of A-Z", "--once")]
    [InlineData("--run is missing; it must be a file: the run file", "init", "--out", "m.pt")]
    public async Task Bad_input_gets_one_sentence_and_exit_code_2(string sentence, params string[] arguments)
    {
        TrainerProcess refused = await TrainerProcess.RunAsync(arguments);

        Assert.Equal(2, refused.ExitCode);
        Assert.StartsWith(sentence, refused.Errors);
        Assert.Equal(1, refused.Errors.Trim().Count(c => c == '\n') + 1);
    }
}
