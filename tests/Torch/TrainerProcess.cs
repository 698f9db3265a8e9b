using System.Diagnostics;

namespace Quorate.Torch;

/// <summary>The trainer program, run to its end as a user runs it.</summary>
internal sealed record TrainerProcess(int ExitCode, string Output, string Errors)
{
    /// <summary>Ends a process that hangs, so that a test fails instead.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public static async Task<TrainerProcess> RunAsync(params string[] arguments)
    {
        string program = Path.Combine(TrainerOutput.Folder, "Quorate.Trainer.dll");
        var start = new ProcessStartInfo("dotnet", [program, .. arguments])
        {
            WorkingDirectory = TrainerOutput.Repository,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(patience.Token);
            Task<string> errors = process.StandardError.ReadToEndAsync(patience.Token);
            await process.WaitForExitAsync(patience.Token);
            return new TrainerProcess(process.ExitCode, await output, await errors);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }
    }
}
