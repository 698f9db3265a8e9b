namespace Quorate.Torch;

/// <summary>A folder that goes with its test.</summary>
public sealed class TemporaryFolder : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("quorate-torch-").FullName;

    public string this[string name] => Path.Combine(folder, name);

    public override string ToString() => folder;

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
