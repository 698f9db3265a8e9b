using System.CommandLine;
using System.Text;
using Quorate.Client.Attending;
using Quorate.Rounds;
using Quorate.Shared.Hosts;
using Quorate.Shared.Processes;
using Command = System.CommandLine.Command;

namespace Quorate.Benchmarks;

/// <summary>
/// <c>trainers</c>: one process of synthetic trainers with the real client code. Prints a line for each accepted
/// update: <c>trainer round downloaded trained accepted</c>, with times in ticks of the machine's monotonic clock.
/// </summary>
internal static class TrainersCommand
{
    public static Command Create()
    {
        var ids = new Option<int[]>("--ids") { Required = true, AllowMultipleArgumentsPerToken = true };
        var hosts = new Option<string>("--hosts") { Required = true };
        var work = new Option<string>("--work") { Required = true };
        var command = new Command("trainers", "Synthetic trainers; started by the other commands.")
        {
            ids, hosts, work,
        };
        command.SetAction(async (line, cancellation) =>
        {
            using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            using var signals = new StopSignals(stopping);
            var members = HostsFile.Load(line.GetValue(hosts)!);
            try
            {
                await Task.WhenAll(line.GetValue(ids)!.Select(
                    id => AttendAsync(id, members, Path.Combine(line.GetValue(work)!, $"{id}"), stopping.Token)));
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                // Stopped from outside.
            }
            return 0;
        });
        return command;
    }

    private static async Task AttendAsync(int id, HostsFile hosts, string work, CancellationToken token)
    {
        var time = TimeProvider.System;
        var settings = new AttendSettings
        {
            Trainer = TrainerId.Parse($"t{id:D5}"), WorkDirectory = work, Once = false,
        };
        var learner = new SyntheticLearner(id, time);
        await using var lines = new AcceptedLines(id, learner, time);
        await TrainerLoop.AttendAsync(settings, hosts, learner, lines, lines, token);
    }

    /// <summary>Reads a trainer's lines and prints accepted updates; all other lines go to stderr.</summary>
    private sealed class AcceptedLines(int id, SyntheticLearner learner, TimeProvider time) : StringWriter
    {
        public override Encoding Encoding => Encoding.UTF8;

        public override void WriteLine(string? value)
        {
            if (value is null || value.Contains("] trained round", StringComparison.Ordinal)) return;
            long now = time.GetTimestamp();
            var (round, downloaded, trained) = learner.Last;
            if (value.EndsWith($"update of round {round} accepted", StringComparison.Ordinal))
                Console.Out.WriteLine($"{id} {round} {downloaded} {trained} {now}");
            else Console.Error.WriteLine(value);
        }
    }
}
