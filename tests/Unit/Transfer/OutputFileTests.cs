using System.Diagnostics;
using Quorate.Shared.Transfer;

namespace Quorate.Unit.Transfer;

public sealed class OutputFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("quorate-output-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_new_file_is_written_where_it_was_named_and_its_folder_is_made()
    {
        Assert.Equal(In("new/deep/model.pt"), OutputFile.Prepare(In("new/deep/model.pt"), ".part"));
        Assert.Empty(Directory.GetFileSystemEntries(In("new/deep")));
    }

    [Fact]
    public void A_file_and_a_draft_that_are_there_stay_as_they_are()
    {
        File.WriteAllText(In("model.pt"), "old");
        File.WriteAllText(In("model.pt.part"), "half");
        Assert.Equal(In("model.pt"), OutputFile.Prepare(In("model.pt"), ".part"));
        Assert.Equal(("old", "half"), (File.ReadAllText(In("model.pt")), File.ReadAllText(In("model.pt.part"))));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_link_is_followed_to_the_file_that_it_names(bool isThere)
    {
        Directory.CreateDirectory(In("store"));
        if (isThere) File.WriteAllText(In("store/x.pt"), "old");
        File.CreateSymbolicLink(In("middle.pt"), "store/x.pt");
        File.CreateSymbolicLink(In("latest.pt"), "middle.pt");
        Assert.Equal(In("store/x.pt"), OutputFile.Prepare(In("latest.pt"), ".part"));
        Assert.NotNull(new FileInfo(In("latest.pt")).LinkTarget);
    }

    [Theory]
    [InlineData("/dev/null")]
    [InlineData("/dev/full")]
    [InlineData("pipe")]
    [InlineData("link-to-pipe")]
    [InlineData("link-to-device")]
    public async Task What_is_no_plain_file_is_refused_and_stays(string name)
    {
        await MakePipeAsync("pipe");
        File.CreateSymbolicLink(In("link-to-pipe"), "pipe");
        File.CreateSymbolicLink(In("link-to-device"), "/dev/null");
        string path = In(name);
        string refusal = Refusal(path);
        Assert.StartsWith(path, refusal, StringComparison.Ordinal);
        Assert.Contains("is a pipe or a device", refusal, StringComparison.Ordinal);
        Assert.False(Path.Exists(path + ".part"));
    }

    [Fact]
    public async Task A_draft_that_is_no_plain_file_is_refused_too()
    {
        await MakePipeAsync("model.pt.part");
        Assert.Contains("model.pt.part) is a pipe", Refusal(In("model.pt")), StringComparison.Ordinal);
    }

    /// <summary>/dev/stdout is a link to it, and what it links to is no path.</summary>
    [Fact]
    public void An_open_pipe_of_this_process_is_refused()
    {
        using var pipe = new System.IO.Pipes.AnonymousPipeServerStream();
        string path = $"/proc/self/fd/{pipe.SafePipeHandle.DangerousGetHandle()}";
        Assert.Contains("is a pipe or a device", Refusal(path), StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_is_refused() =>
        Assert.Equal($"{_folder} is a folder: name a file in it.", Refusal(_folder));

    [Fact]
    public void A_place_that_cannot_be_written_is_refused_with_the_advice()
    {
        File.WriteAllText(In("file"), "");
        string refusal = Refusal(In("file/model.pt"));
        Assert.StartsWith($"{In("file/model.pt")} cannot be written: ", refusal, StringComparison.Ordinal);
        Assert.EndsWith("Take another.", refusal, StringComparison.Ordinal);
    }

    private static string Refusal(string path) =>
        Assert.Throws<OutputFileException>(() => OutputFile.Prepare(path, ".part", "Take another.")).Message;

    private string In(string name) => Path.Combine(_folder, name);

    private async Task MakePipeAsync(string name)
    {
        using var made = Process.Start("mkfifo", [In(name)]);
        await made.WaitForExitAsync();
        Assert.Equal(0, made.ExitCode);
    }
}
