using Quorate.Pt;

namespace Quorate.Unit.Pt;

/// <summary>
/// Files made by PyTorch (tests/fixtures/pt/make_fixtures.py), and our own files in a folder that is deleted after the
/// test.
/// </summary>
internal static class PtFixtures
{
    /// <summary>The full path of a fixture, such as <c>net.pt</c>.</summary>
    public static string PathOf(string name)
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "Cluster.sln")))
            folder = Path.GetDirectoryName(folder);
        return Path.Combine(folder ?? throw new DirectoryNotFoundException(
            "No Cluster.sln above the tests."), "tests", "fixtures", "pt", name);
    }

    public static TensorInfo Info(string name, TensorType type, params long[] shape) => new(name, type, [.. shape]);

    public static byte[] ReadBytes(this PtFile file, string name)
    {
        PtTensor tensor = file.Find(name) ?? throw new KeyNotFoundException(name);
        byte[] bytes = new byte[tensor.Info.Bytes];
        file.Read(tensor, 0, bytes);
        return bytes;
    }

    /// <summary>The whole file of these tensors.</summary>
    public static byte[] Write(params (TensorInfo Info, byte[] Bytes)[] tensors)
    {
        var output = new MemoryStream();
        using var writer = new PtWriter(output, [.. tensors.Select(tensor => tensor.Info)]);
        foreach ((_, byte[] bytes) in tensors) writer.Write(bytes);
        writer.Complete();
        return output.ToArray();
    }
}

/// <summary>A folder under the system's temporary one, deleted with its owner.</summary>
internal sealed class TestFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("quorate-test-");

    public string File(string name) => Path.Combine(_folder.FullName, name);

    public string Write(string name, ReadOnlySpan<byte> content)
    {
        System.IO.File.WriteAllBytes(File(name), content);
        return File(name);
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
