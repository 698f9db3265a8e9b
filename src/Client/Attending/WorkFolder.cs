using Quorate.Rounds;
using Quorate.Shared.Text;
using Quorate.Shared.Transfer;

namespace Quorate.Client.Attending;

/// <summary>
/// The files of one trainer: the round's model and the update. Each new file takes the place of the one before it on
/// the disk, which costs half of what a new file does.
/// </summary>
internal sealed class WorkFolder(string root)
{
    /// <summary>The whole path, for sentences that are read on another machine.</summary>
    public string Root { get; } = Path.GetFullPath(root);

    private string Models => Path.Combine(Root, "models");

    private string Updates => Path.Combine(Root, "updates");

    /// <summary>Where the model is, or will be downloaded to.</summary>
    public string ModelPath(BlobHash model) => Path.Combine(Models, $"{model}.pt");

    /// <summary>
    /// Whether the model is here, whole. A model is not flushed: after a power loss its file may hold anything.
    /// </summary>
    public bool HasModel(BlobHash model) => HasFile(ModelPath(model), model);

    /// <summary>The model before is not needed any more: the download of this one writes over its file.</summary>
    public void MakeRoomFor(BlobHash model)
    {
        Directory.CreateDirectory(Models);
        foreach (string old in Directory.GetFiles(Models))
            if (!Path.GetFileName(old).StartsWith($"{model}", StringComparison.Ordinal))
                new DownloadFiles(ModelPath(model)).Recycle(old);
    }

    /// <summary>Opens the update's file, lets the learner fill it, and closes it under its name.</summary>
    /// <exception cref="IOException">The disk is full, or failed; nothing has been kept.</exception>
    public TrainedUpdate Write(RoundWork work, Func<HashedFileStream, Learned> train)
    {
        string draft = Path.Combine(Updates, "draft"), path = Path.Combine(Updates, $"round-{work.Round}.pt");
        Directory.CreateDirectory(Updates);
        // The update before is not sent any more.
        foreach (string old in Directory.GetFiles(Updates)) File.Move(old, draft, overwrite: true);
        using var file = HashedFileStream.Over(draft);
        RequireRoom(work.ModelLength - new FileInfo(draft).Length);
        var learned = train(file);
        file.Complete();
        File.Move(draft, path);
        return new TrainedUpdate(work, path, file.Hash, file.Length, learned);
    }

    /// <summary>Lets the learner fill the file of a run's initial model, over the one before it.</summary>
    /// <exception cref="IOException">The disk is full, or failed.</exception>
    public (string Path, BlobHash Blob, long Length) WriteInitial(Action<HashedFileStream> make)
    {
        string path = Path.Combine(Root, "initial.pt");
        Directory.CreateDirectory(Root);
        using var file = HashedFileStream.Over(path);
        make(file);
        file.Complete();
        return (path, file.Hash, file.Length);
    }

    /// <summary>A disk without room for the update is noticed before the training and not after it.</summary>
    private void RequireRoom(long bytes)
    {
        long free = new DriveInfo(Updates).AvailableFreeSpace;
        if (free < bytes)
            throw new IOException($"its disk is full; {PlainText.Count(free, "byte")} left, the update needs {bytes}.");
    }

    /// <summary>Whether a file is here with these bytes.</summary>
    public static bool HasFile(string path, BlobHash hash)
    {
        if (!File.Exists(path)) return false;
        using var file = File.OpenHandle(path);
        return FileHash.Of(file) == hash;
    }
}
