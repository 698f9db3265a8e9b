using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Xml.Linq;
using Quorate.Rounds;

namespace Quorate.Unit.Tidy;

/// <summary>The repository follows its own rules. A failure lists <c>file:line: rule</c>.</summary>
public sealed class TidyTests
{
    [Fact]
    public void The_code_follows_the_rules() =>
        None(SourceFile.All(".cs").SelectMany(CodeRules.Broken));

    [Fact]
    public void Few_files_of_src_are_too_short_to_stand_alone()
    {
        string[] satellites = [.. CodeRules.Satellites(SourceFile.All(".cs"))];
        Assert.True(satellites.Length < 18, $"{satellites.Length} short files:\n{string.Join('\n', satellites)}");
    }

    [Fact]
    public void The_projects_reference_only_what_they_may() =>
        None(SourceFile.All(".csproj", ".props", ".targets").SelectMany(ProjectRules.Broken));

    /// <summary>
    /// The same wall for the compiled assembly, in which a <c>var</c> or an alias cannot hide a type.
    /// </summary>
    [Fact]
    public void The_compiled_state_machine_uses_no_clock_no_randomness_and_no_I_O()
    {
        string[] forbidden =
        [
            "System.IO.", "System.Threading.", "System.Net.", "System.Console.", "System.Random.", "System.Guid.",
            "System.DateTime.", "System.DateTimeOffset.", "System.TimeProvider.", "System.Environment.",
            "System.HashCode.",
            "System.Diagnostics.Stopwatch.", "System.Diagnostics.Process.", "System.Collections.Generic.Dictionary`2.",
            "System.Collections.Generic.HashSet`1.", "System.Security.Cryptography.RandomNumberGenerator.",
        ];
        using var file = new PEReader(File.OpenRead(typeof(RoundMachine).Assembly.Location));
        var types = ReferencedTypes(file.GetMetadataReader()).ToArray();
        Assert.Contains("System.TimeSpan.", types);
        Assert.Empty(types.Where(t => forbidden.Any(f => t.StartsWith(f, StringComparison.Ordinal)))
            .Except(["System.IO.InvalidDataException."]));
    }

    [Fact]
    public void Libtorch_is_only_in_the_trainers_output()
    {
        string outputs = Path.Combine(SourceFile.Root, "artifacts", "bin");
        if (!Directory.Exists(outputs)) return;
        string[] natives = ["libtorch*.so*", "libc10*.so*", "libLibTorchSharp*.so*"];
        None(
            from folder in Directory.EnumerateDirectories(outputs)
            where Path.GetFileName(folder) != "Trainer"
            from pattern in natives
            from file in Directory.EnumerateFiles(folder, pattern, SearchOption.AllDirectories)
            where File.ResolveLinkTarget(file, returnFinalTarget: false) is null
            select new Finding(Path.GetRelativePath(SourceFile.Root, file), 0,
                "480 MB that are in the Trainer's output already"));
    }

    [Fact]
    public void This_build_is_not_a_canary() => Assert.DoesNotContain(
        new[] { typeof(RoundMachine), typeof(Coordinator.ExitCode) }.SelectMany(
            type => type.Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()),
        metadata => metadata.Key == "Canary");

    /// <summary>A canary that replaces nothing would break no promise.</summary>
    [Theory]
    [InlineData("no-flush", 1)]
    [InlineData("early-ack", 1)]
    [InlineData("no-dedupe", 1)]
    [InlineData("level-2", 11)]
    public void A_canary_replaces_texts_that_occur_once(string name, int texts)
    {
        var targets = XDocument.Load(Path.Combine(SourceFile.Root, "chaos-tests", "canaries", "Canaries.targets"));
        var entries = targets.Descendants("Canary").Where(item => item.Attribute("Include")?.Value == name).ToList();
        Assert.Equal(texts, entries.Count);
        foreach (var entry in entries)
        {
            string file = entry.Element("File")!.Value, old = entry.Element("Old")!.Value;
            string source = File.ReadAllText(
                Path.Combine(SourceFile.Root, "src", entry.Element("Project")!.Value, file));
            Assert.True(source.Split(old).Length == 2, $"The canary {name} replaces a text that {file} lacks: {old}");
        }
    }

    private static IEnumerable<string> ReferencedTypes(MetadataReader metadata) =>
        from handle in metadata.TypeReferences
        let type = metadata.GetTypeReference(handle)
        select $"{metadata.GetString(type.Namespace)}.{metadata.GetString(type.Name)}.";

    private static void None(IEnumerable<Finding> findings)
    {
        string[] list = [.. findings.Select(f => f.ToString())];
        if (list.Length > 0) Assert.Fail($"{list.Length} broken rules:\n{string.Join('\n', list)}");
    }
}
