using System.Diagnostics;
using Quorate.Unit.Tidy;

namespace Quorate.Unit.Processes;

/// <summary>The programs, started as a shell starts them, with too few files or with streams that are gone.</summary>
public sealed class StandardStreamsTests
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    private const string Cli = "Cli/release/quorate.dll", Coordinator = "Coordinator/release/Quorate.Coordinator.dll",
        Trainer = "Trainer/release/Quorate.Trainer.dll";

    [Theory]
    [InlineData(Cli, 64, 192)]
    [InlineData(Trainer, 64, 192)]
    [InlineData(Trainer, 128, 192)]
    [InlineData(Coordinator, 64, 512)]
    [InlineData(Coordinator, 256, 512)]
    public async Task A_process_that_may_open_too_few_files_says_so(string program, int allowed, int needed)
    {
        var (code, _, errors) = await ShellAsync($"ulimit -n {allowed}; exec $P --help", program);
        Assert.Equal(2, code);
        Assert.Equal($"The limit of open files (ulimit -n) is {allowed} for this process, and it needs {needed}: "
            + "raise it and start again.\n", errors);
    }

    [Theory]
    [InlineData(Cli, 192)]
    [InlineData(Trainer, 192)]
    [InlineData(Coordinator, 512)]
    public async Task As_many_files_as_it_needs_are_enough_to_start(string program, int allowed)
    {
        var (code, output, errors) = await ShellAsync($"ulimit -n {allowed}; exec $P --help", program);
        Assert.Equal((0, ""), (code, errors));
        Assert.StartsWith("Description:", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(">&-", "it is closed")]
    [InlineData(">/dev/full", "No space left on device")]
    [InlineData("<&- >&-", "it is closed")]
    public async Task An_output_that_cannot_be_written_is_a_sentence_and_exit_code_2(string redirection, string why)
    {
        foreach (string program in new[] { Cli, Trainer })
        {
            var (code, _, errors) = await ShellAsync($"exec $P --help {redirection}", program);
            Assert.Equal(2, code);
            Assert.Equal($"The standard output cannot be written: {why}.\n", errors);
        }
    }

    [Theory]
    [InlineData(Cli, "--help")]
    [InlineData(Cli, "status --watch --hosts $HOSTS")]
    [InlineData(Trainer, "--help")]
    public async Task A_reader_that_has_enough_ends_the_program_in_silence(string program, string arguments)
    {
        var (_, output, errors) = await ShellAsync(
            $"{{ $P {arguments}; echo code $? >&3; }} 3>&2 | head -n 1", program);
        Assert.Single(output.Trim().Split('\n'));
        Assert.Equal("code 141\n", errors);
    }

    [Theory]
    [InlineData(Cli, "run list --hosts /no/such/file")]
    [InlineData(Trainer, "score --run /no/such/file --model x")]
    [InlineData(Coordinator, "--id 0 --hosts /no/such/file")]
    public async Task Bad_input_has_its_exit_code_also_without_an_error_output(string program, string arguments)
    {
        foreach (string redirection in new[] { "2>&-", "2>/dev/full", "<&- >&- 2>&-" })
            Assert.Equal(2, (await ShellAsync($"exec $P {arguments} {redirection}", program)).Code);
    }

    private static async Task<(int Code, string Output, string Errors)> ShellAsync(string script, string program)
    {
        string root = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../.."));
        var start = new ProcessStartInfo("/bin/sh", ["-c", script])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        };
        start.Environment["P"] = $"{Environment.ProcessPath} {Path.Combine(root, program)}";
        start.Environment["HOSTS"] = Path.Combine(SourceFile.Root, "config", "hosts.json");
        using var process = Process.Start(start)!;
        using var bound = new CancellationTokenSource(_patience);
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(bound.Token),
            process.StandardError.ReadToEndAsync(bound.Token));
        await process.WaitForExitAsync(bound.Token);
        return (process.ExitCode, await output, await errors);
    }
}
