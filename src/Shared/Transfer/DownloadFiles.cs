namespace Quorate.Shared.Transfer;

/// <summary>The files beside the one that a download makes.</summary>
/// <param name="path">Where the whole blob will be.</param>
public sealed class DownloadFiles(string path)
{
    /// <summary>The bytes so far; a later download continues from it.</summary>
    public string Part { get; } = path + ".part";

    /// <summary>An old file that the download writes over, where there is one: see <see cref="HashedFileStream.Over"/>.
    /// </summary>
    public string Over { get; } = path + ".over";

    /// <summary>Hands the download a file that is not needed any more.</summary>
    public void Recycle(string old) => File.Move(old, Over, overwrite: true);
}
