using System.Diagnostics;
using Xunit.Abstractions;

namespace Quorate.Unit.Pt;

/// <summary>
/// Our files as PyTorch loads them. Needs a python3 that can import torch (on Debian: apt-get install
/// python3-torch).
/// </summary>
public sealed class PyTorchTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private static readonly string[] Pythons = ["/usr/bin/python3", "python3"];

    private const string Describe = """
        import sys, torch
        for name, t in torch.load(sys.argv[1], weights_only=True).items():
            content = bytes(t.reshape(-1).view(torch.uint8).tolist()).hex() if t.numel() else ""
            print(name, str(t.dtype), list(t.shape), content)
        """;

    [Fact]
    public void PyTorch_loads_our_files_with_weights_only_and_sees_the_same_bits()
    {
        string? python = Pythons.FirstOrDefault(python => Run(python, "-c", "import torch") is not null);
        if (python is null)
        {
            output.WriteLine(
                "SKIPPED: no python3 here can import torch, so our .pt files were not checked with PyTorch.");
            return;
        }

        using var folder = new TestFolder();
        string path = folder.Write("ours.pt", PtFixtures.Write(PtWriterTests.Tensors));
        IEnumerable<string> expected = PtWriterTests.Tensors.Select(tensor =>
            $"{tensor.Info.Name} torch.{tensor.Info.Type.ToString().ToLowerInvariant()} "
            + $"[{string.Join(", ", tensor.Info.Shape)}] "
            + Convert.ToHexStringLower(tensor.Bytes));
        Assert.Equal(string.Join('\n', expected), Run(python, "-c", Describe, path)?.TrimEnd('\n'));
    }

    /// <summary>What the program printed, or null if it cannot be started or fails.</summary>
    private string? Run(string program, params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, arguments)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                Environment = { ["PYTHONIOENCODING"] = "utf-8" },
            })!;
            Task<string> printed = process.StandardOutput.ReadToEndAsync();
            Task<string> complaint = process.StandardError.ReadToEndAsync();
            if (!process.WaitForExit(Patience)) process.Kill(entireProcessTree: true);
            process.WaitForExit();
            if (process.ExitCode == 0) return printed.Result;
            output.WriteLine($"{program}: {complaint.Result}");
            return null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}
