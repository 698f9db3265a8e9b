using Quorate.Chaos.Processes;
using Quorate.Shared.Hosts;
using Quorate.Shared.Runs;

namespace Quorate.Cli.Demo;

/// <summary>
/// The folder of one demo run, with hosts.json, run.json, node-N, trainer-N and logs.
/// </summary>
internal sealed class DemoFolder
{
    private DemoFolder(string path, HostsFile hosts) => (Path, Hosts) = (path, hosts);

    public string Path { get; }

    public HostsFile Hosts { get; }

    public string HostsPath => Join("hosts.json");

    public string RunPath => Join("run.json");

    public string Logs => Join("logs");

    /// <param name="path">A folder that is empty or does not exist.</param>
    /// <param name="coordinators">The number of nodes; each gets two free ports.</param>
    /// <param name="run">Written to <see cref="RunPath"/>.</param>
    public static DemoFolder Create(string path, int coordinators, RunFile run)
    {
        Directory.CreateDirectory(path);
        var folder = new DemoFolder(path, LoopbackHosts.Take(coordinators));
        Directory.CreateDirectory(folder.Logs);
        File.WriteAllText(folder.HostsPath, folder.Hosts.Json);
        File.WriteAllText(folder.RunPath, run.Json);
        return folder;
    }

    public string Join(string name) => System.IO.Path.Combine(Path, name);
}

/// <summary>
/// The folder that keeps a demo's model after its end. While a demo holds run/demo, another one takes run/demo-2.
/// </summary>
internal sealed class DemoPlace : IDisposable
{
    /// <summary>More demos at once than any machine has room for.</summary>
    private const int MostDemos = 100;

    public const string Advice = "Name a new folder of your own with --keep DIR.";

    private readonly FileStream _taken;

    private DemoPlace(string path, FileStream taken) => (Path, _taken) = (path, taken);

    public string Path { get; }

    /// <param name="folder">The folder of all demos.</param>
    /// <exception cref="CommandException">It cannot be written.</exception>
    public static DemoPlace Take(string folder)
    {
        try
        {
            return TakeFirst(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(
                ExitCode.BadInput, $"The demo cannot keep its model in {folder}: {e.Message} {Advice}");
        }
    }

    private static DemoPlace TakeFirst(string folder)
    {
        for (int number = 1; ; number++)
        {
            string path = System.IO.Path.GetFullPath(number == 1 ? "demo" : $"demo-{number}", folder);
            Directory.CreateDirectory(path);
            string file = System.IO.Path.Combine(path, ".lock");
            try
            {
                return new DemoPlace(path, new FileStream(
                    file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
            }
            catch (IOException) when (File.Exists(file) && number < MostDemos)
            {
                // Another demo holds it.
            }
        }
    }

    public void Dispose() => _taken.Dispose();
}
