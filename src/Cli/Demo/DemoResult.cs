using System.Text.Encodings.Web;
using System.Text.Json;

namespace Quorate.Cli.Demo;

/// <summary>The object that <c>--json</c> prints. Its names are a contract with scripts.</summary>
/// <param name="Run">The run's name.</param>
/// <param name="Rounds">The number of rounds.</param>
/// <param name="Accuracy">Of the final model on the test images, 0 to 1; null if it was not scored.</param>
/// <param name="ModelSha256">Of the final model's file, computed here from its bytes.</param>
/// <param name="UndisturbedSha256">The same for the run without kills; null if there was none.</param>
/// <param name="ModelPath">The path of the file.</param>
/// <param name="Seconds">From the start of the (disturbed) run's processes to its last score.</param>
/// <param name="Failovers">One for each killed leader.</param>
/// <param name="PeakRssMb">Peak resident memory of each process in 10^6 bytes. For a process that was started again,
/// the higher of the two.</param>
internal sealed record DemoResult(
    string Run, int Rounds, double? Accuracy, string ModelSha256, string? UndisturbedSha256, string ModelPath,
    double Seconds,
    IReadOnlyList<FailoverResult> Failovers, PeakRss PeakRssMb)
{
    private static readonly JsonSerializerOptions _format = new(JsonSerializerDefaults.Web)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public string ToJson() => JsonSerializer.Serialize(this, _format);
}

internal sealed record FailoverResult(
    int KilledNode, int NewLeader, double? SecondsToNextAccept, int UpdatesSafe, int UpdatesRetrained);

internal sealed record PeakRss(IReadOnlyList<double> Coordinators, IReadOnlyList<double> Trainers);
