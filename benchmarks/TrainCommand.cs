using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;

namespace Quorate.Benchmarks;

/// <summary>
/// <c>train</c>: how fast trainers train each model on each device. This starts the trainer program once for each model
/// and device; the program measures itself with its command <c>bench</c>, because only it uses torch.
/// </summary>
internal static class TrainCommand
{
    private static readonly string[] _models = ["logistic", "lenet5", "simplecnn"];

    public static Command Create()
    {
        var models = new Option<string[]>("--models")
        {
            AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => _models,
        };
        var devices = new Option<string[]>("--devices")
        {
            Description = "cpu, cuda or cuda:N (default: the CPU, and the first CUDA device if there is one)",
            AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => ["cpu", "auto"],
        };
        var steps = new Option<int>("--steps")
        {
            Description = "Measured steps of 32 images", DefaultValueFactory = _ => 200,
        };
        var data = new Option<string>("--data") { DefaultValueFactory = _ => "data/mnist" };
        var json = BenchOptions.Json();
        var command = new Command("train", "Images per second and processor time per epoch for each model and device.")
        {
            models, devices, steps, data, json,
        };
        command.SetAction(async (line, cancellation) =>
        {
            var results = new List<JsonElement>();
            foreach (string device in line.GetValue(devices)!)
                foreach (string model in line.GetValue(models)!)
                {
                    var result = await MeasureAsync(
                        model, device, line.GetValue(steps), line.GetValue(data)!, cancellation);
                    // Without CUDA, "auto" is the CPU again.
                    if (device == "auto" && Text(result, "device") == "cpu") break;
                    results.Add(result);
                    Console.WriteLine($"{Text(result, "model"),-10} {Text(result, "device"),-7}"
                        + $" {Number(result, "samplesPerSecond"),9:0} images/s,"
                        + $" {Number(result, "cpuSecondsPerEpoch"),7:0.00} processor seconds an epoch of"
                        + $" {Number(result, "epoch"):0} images");
                }
            if (line.GetValue(json))
                Console.WriteLine(JsonSerializer.Serialize(new { results, load = Quantiles.MachineLoad() }));
            return 0;
        });
        return command;
    }

    private static async Task<JsonElement> MeasureAsync(
        string model, string device, int steps, string data, CancellationToken token)
    {
        var start = new ProcessStartInfo(Quorate.Shared.Processes.DotnetHost.Path,
        [
            Path.Combine(BenchCluster.Bin, "Trainer", "release", "Quorate.Trainer.dll"), "bench", "--model", model,
            "--device", device, "--steps", $"{steps}", "--data", data,
        ]) { RedirectStandardOutput = true };
        using var process = Process.Start(start)
            ?? throw new InvalidOperationException("The trainer program did not start.");
        string output = await process.StandardOutput.ReadToEndAsync(token);
        await process.WaitForExitAsync(token);
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"The trainer program ended with exit code {process.ExitCode}.");
        return JsonDocument.Parse(output).RootElement.Clone();
    }

    private static string Text(JsonElement result, string key) => result.GetProperty(key).GetString()!;

    private static double Number(JsonElement result, string key) => result.GetProperty(key).GetDouble();
}
