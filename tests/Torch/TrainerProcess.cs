using System.Diagnostics;

namespace Quorate.Torch;

/// <summary>The trainer program, run to its end as a user runs it.</summary>
internal sealed record TrainerProcess(int ExitCode, string Output, string Errors)
{
    /// <summary>Ends a process that hangs, so that a test fails instead.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public static Task<TrainerProcess> RunAsync(params string[] arguments) => RunAsync(arguments, requests: []);

    /// <param name="requests">Lines, each sent once the one before is answered; then its input ends.</param>
    public static async Task<TrainerProcess> RunAsync(string[] arguments, string[] requests)
    {
        string program = Path.Combine(TrainerOutput.Folder, "Quorate.Trainer.dll");
        var start = new ProcessStartInfo("dotnet", [program, .. arguments])
        {
            WorkingDirectory = TrainerOutput.Repository,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        using Process process = Process.Start(start)!;
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            Task<string> errors = process.StandardError.ReadToEndAsync(patience.Token);
            string answers = "";
            foreach (string request in requests)
            {
                await process.StandardInput.WriteLineAsync(request.AsMemory(), patience.Token);
                await process.StandardInput.FlushAsync(patience.Token);
                answers += await process.StandardOutput.ReadLineAsync(patience.Token) + "\n";
            }
            process.StandardInput.Close();
            string output = answers + await process.StandardOutput.ReadToEndAsync(patience.Token);
            await process.WaitForExitAsync(patience.Token);
            return new TrainerProcess(process.ExitCode, output, await errors);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }
    }
}
