using System.Text;
using Quorate.Rounds;
using Quorate.Shared.Hosts;
using Quorate.Shared.Runs;
using Quorate.Unit.Rounds;
using Xunit.Abstractions;

namespace Quorate.Unit.Fuzz;

/// <summary>
/// Hosts and run files, damaged byte by byte and word by word. Each is read, or refused with its exception whose
/// sentences say what is wrong, and never needs much memory. Run files also arrive over the network.
/// </summary>
public sealed class SettingsFuzz(ITestOutputHelper output)
{
    private const ulong Seed = 20261122;

    /// <summary>
    /// Damage that JSON's grammar does not find: unpaired surrogates, numbers beyond every type, texts that are paths
    /// or contain control characters, values of the wrong kind.
    /// </summary>
    private static readonly string[] _words =
    [
        "null", "true", "-0", "0", "-1", "1e999", "1e-999", "0.5", "2147483648", "18446744073709551616", "1E400",
        "\"\"", "\"../../etc\"", "\"\\ud800\"", "\"\\udc00\\ud800\"", "\"\\u0000\"", "\"\ud800\"", "[]", "{}",
        "[[[[[[[[[[]]]]]]]]]]", "{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{\"f\":{\"g\":{\"h\":1}}}}}}}}",
        "{\"\\ud800\":1}", "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "//", "/*", ",", ":", "\"",
        "{", "}", "[", "]",
    ];

    /// <summary>An exception with its stack and its sentences needs some ten thousand bytes.</summary>
    private static long Allowed(int length) => 64 * 1024 + 64L * length;

    [Fact]
    public void A_damaged_run_file_is_read_or_refused_with_sentences()
    {
        string[] seeds =
        [
            .. Directory.GetFiles(Path.Combine(Tidy.SourceFile.Root, "config", "runs")).Order()
                .Select(File.ReadAllText),
            """{ "name": "a", "rounds": 1, "minTrainers": 1, "seed": 0 }""",
        ];
        Fuzz(seeds, text =>
        {
            try
            {
                var run = RunFile.Parse(text);
                // As text, because the sections with lists and dictionaries are equal by reference only.
                Assert.Equal(run.Json, RunFile.Parse(run.Json).Json);
                return null;
            }
            catch (RunFileException e)
            {
                return e.Errors;
            }
        });
    }

    [Fact]
    public void A_damaged_hosts_file_is_read_or_refused_with_sentences()
    {
        string[] seeds =
        [
            File.ReadAllText(Path.Combine(Tidy.SourceFile.Root, "config", "hosts.json")),
            """{ "nodes": [ { "id": 0, "raft": "[::1]:7100", "grpc": "node-1.example:7200" } ] }""",
        ];
        Fuzz(seeds, text =>
        {
            try
            {
                var hosts = HostsFile.Parse(text);
                Assert.Equal(hosts.Nodes, HostsFile.Parse(hosts.Json).Nodes);
                return null;
            }
            catch (HostsFileException e)
            {
                return e.Errors;
            }
        });
    }

    /// <param name="parse">Returns null if the text was read, or else the errors.</param>
    private void Fuzz(string[] seeds, Func<string, IReadOnlyList<string>?> parse)
    {
        var random = new SplitMix64(Seed);
        int read = 0;
        long most = 0;
        foreach (string seed in seeds) Assert.Null(parse(seed));
        for (int i = 0; i < FuzzInputs.Count; i++)
        {
            string text = Damaged(seeds[random.Below(seeds.Length)], random);
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                if (parse(text) is { } errors) Assert.All(errors, error => Assert.True(error.Length > 10, error));
                else read++;
            }
            catch (Exception e)
            {
                Assert.Fail($"{e}\ninput {i} of seed {Seed}: {text}");
            }
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            most = Math.Max(most, allocated);
            if (allocated > Allowed(text.Length))
                Assert.Fail($"{allocated} bytes allocated for input {i} of seed {Seed}: {text}");
        }
        output.WriteLine($"{FuzzInputs.Count} inputs, {read} read, at most {most} bytes allocated for one");
        Assert.InRange(read, FuzzInputs.Count / 1000, FuzzInputs.Count * 9 / 10);
    }

    private static string Damaged(string text, SplitMix64 random)
    {
        if (random.OneIn(2)) return Encoding.UTF8.GetString(Mutations.Of(Encoding.UTF8.GetBytes(text), random));
        for (int n = 1 + random.Below(2); n > 0; n--)
        {
            // Usually at the start of a value or a key.
            int at = text.IndexOfAny(['"', '[', '{', ':'], random.Below(text.Length));
            if (at < 0) at = random.Below(text.Length);
            int end = random.OneIn(3) ? at : Math.Min(text.Length, at + 1 + random.Below(12));
            int close = text.IndexOfAny([',', '}', ']'], Math.Min(at + 1, text.Length - 1));
            if (text[at] == ':' && close > at && random.OneIn(2)) (at, end) = (at + 1, close);
            text = text[..at] + _words[random.Below(_words.Length)] + text[end..];
        }
        return text;
    }
}
