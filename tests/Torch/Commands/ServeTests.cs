using System.Text.Json;

namespace Quorate.Torch.Commands;

public sealed class ServeTests : IDisposable
{
    private const string Run = "config/runs/mnist-logistic.json";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Serving_gives_the_bytes_and_the_numbers_of_the_single_commands_and_ends_with_its_input()
    {
        string plan = await File.ReadAllTextAsync(Path.Combine(TrainerOutput.Repository, Run));
        string made = _folder["made.pt"], alone = _folder["alone.pt"];
        string[] requests =
        [
            Request(new { id = 1, task = "init", plan, model = made }),
            Request(new { id = 2, task = "score", plan, model = made, images = 2000 }),
            Request(new { id = 3, task = "score", plan, model = made, images = int.MaxValue }),
            Request(new { id = 4, task = "score", plan, model = _folder["none.pt"], images = 1 }),
            Request(new { id = 5, task = "score", plan = "{}", model = made, images = 1 }),
            Request(new { id = 6, task = "score", plan, model = made, images = 2000 }),
            Request(new { id = 7, task = "init", plan, model = made + "/made.pt" }),
        ];

        var served = await TrainerProcess.RunAsync(["serve"], requests);
        await TrainerProcess.RunAsync("init", "--run", Run, "--out", alone);

        Assert.Equal((0, ""), (served.ExitCode, served.Errors));
        JsonElement[] answers = [.. served.Output.Trim().Split('\n').Select(
            line => JsonSerializer.Deserialize<JsonElement>(line))];
        Assert.Equal([1, 2, 3, 4, 5, 6, 7], answers.Select(answer => answer.GetProperty("id").GetInt32()));
        Assert.Equal(await File.ReadAllBytesAsync(alone), await File.ReadAllBytesAsync(made));
        foreach (int at in (int[])[1, 2, 5])
        {
            string images = $"{answers[at].GetProperty("images")}";
            var score = await TrainerProcess.RunAsync(
                "score", "--run", Run, "--model", made, "--images", images, "--json");
            JsonElement single = JsonSerializer.Deserialize<JsonElement>(score.Output.Trim().Split('\n')[^1]);
            foreach (string number in (string[])["loss", "accuracy", "images"])
                Assert.Equal(single.GetProperty(number).GetDouble(), answers[at].GetProperty(number).GetDouble());
        }
        Assert.Equal(10_000, answers[2].GetProperty("images").GetInt32());
        Assert.Contains("none.pt cannot be read", answers[3].GetProperty("error").GetString());
        Assert.NotEmpty(answers[4].GetProperty("error").GetString()!);
        Assert.Contains("made.pt cannot be written", answers[6].GetProperty("error").GetString());
        // A file that cannot be read or written is tried again; a plan that is none never becomes one.
        Assert.Equal(
            [4, 7],
            answers.Where(a => a.TryGetProperty("passing", out _)).Select(a => a.GetProperty("id").GetInt32()));
    }

    private static string Request(object request) => JsonSerializer.Serialize(request);
}
