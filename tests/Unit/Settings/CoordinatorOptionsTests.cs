using Quorate.Coordinator.Settings;
using Quorate.Settings;

namespace Quorate.Unit.Settings;

public sealed class CoordinatorOptionsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("quorate-test-").FullName;
    private readonly string _hosts, _run;

    public CoordinatorOptionsTests()
    {
        _hosts = Path.Combine(_folder, "hosts.json");
        _run = Path.Combine(_folder, "run.json");
        File.WriteAllText(
            _hosts, """{ "nodes": [ { "id": 4, "raft": "127.0.0.1:7100", "grpc": "127.0.0.1:7200" } ] }""");
        File.WriteAllText(_run, """{ "name": "test", "rounds": 2, "minTrainers": 2, "seed": 1 }""");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Flags_name_the_node_its_files_and_its_limits()
    {
        var options = Read("--id", "4", "--lease-seconds", "7", "--data=somewhere", "--rejoin");
        Assert.Equal((4, "somewhere", true), (options.Node, options.DataDirectory, options.Rejoin));
        Assert.Equal(TimeSpan.FromSeconds(7), options.Lease);
        Assert.Equal("test", options.Run!.Name.ToString());
    }

    [Fact]
    public void The_environment_sets_what_flags_leave_out_and_a_flag_wins()
    {
        string? Environment(string name) => name switch
        {
            "QUORATE_LEASE_SECONDS" => "20",
            "QUORATE_ELECTION_MS" => "500",
            _ => null,
        };
        var options = CoordinatorOptions.Read(
            ["--hosts", _hosts, "--run", _run, "--id", "4", "--lease-seconds", "7"],
            new SettingSource(Environment));
        Assert.Equal(TimeSpan.FromSeconds(7), options.Lease);
        Assert.Equal(TimeSpan.FromMilliseconds(500), options.Election);
    }

    [Fact]
    public void A_node_is_reached_where_dial_says_and_otherwise_where_the_hosts_file_does()
    {
        string path = Path.Combine(_folder, "three.json");
        File.WriteAllText(path, """
            { "nodes": [ { "id": 0, "raft": "a:1", "grpc": "a:2" }, { "id": 1, "raft": "b:1", "grpc": "b:2" },
                         { "id": 2, "raft": "c:1", "grpc": "c:2" } ] }
            """);
        var options = CoordinatorOptions.Read(
            ["--hosts", path, "--run", "none", "--id", "0", "--dial", "2=x:7,y:8"], SettingSource.Flags);
        Assert.Equal(("x:7", "y:8"), Reached(2));
        Assert.Equal(("b:1", "b:2"), Reached(1));

        (string, string) Reached(int node)
        {
            var reached = options.Reached(options.Hosts.Node(node));
            return ($"{reached.Raft}", $"{reached.Grpc}");
        }
    }

    [Fact]
    public void An_unknown_id_is_refused_with_the_ids_there_are() =>
        Assert.Contains($"--id 9 is not in {_hosts}, which has 4.", Errors("--id", "9"), StringComparison.Ordinal);

    [Theory]
    [InlineData("--id is missing; it must be a whole number from 0 to 999: which node of the hosts file this is.")]
    [InlineData("Unrecognized command or argument '--colour'.", "--id", "4", "--colour", "red")]
    [InlineData("Unrecognized command or argument 'id'.", "--id", "4", "id")]
    [InlineData("--lease-seconds must be a whole number from 1 to 3600, not '0'", "--id", "4", "--lease-seconds", "0")]
    [InlineData("--id must be a whole number", "--id", "-1")]
    [InlineData("--id must be a whole number", "--id", "one")]
    [InlineData("Required argument missing for option: '--id'.", "--id")]
    [InlineData("--id must be a whole number from 0 to 999, not '1000'.", "--id", "1000")]
    [InlineData("--durability must be majority or leader, not 'all'.", "--id", "4", "--durability", "all")]
    [InlineData("Required argument missing for option: '--data'.", "--id", "4", "--data=")]
    [InlineData("--trainer: there is no file @words.", "--id", "4", "--trainer", "@words")]
    [InlineData("--dial 9=a:1,a:2: 9 is not another node", "--id", "4", "--dial", "9=a:1,a:2")]
    [InlineData("--dial 4=a:1,a:2: 4 is not another node", "--id", "4", "--dial", "4=a:1,a:2")]
    [InlineData("--dial takes NODE=HOST:RAFTPORT,HOST:GRPCPORT", "--id", "4", "--dial", "9=a:1")]
    [InlineData("--rejoin must be true or false, not 'maybe'", "--id", "4", "--rejoin=maybe")]
    [InlineData("--trainer: there is no file nowhere.dll", "--id", "4", "--trainer", "nowhere.dll")]
    public void A_bad_flag_is_refused_by_its_name(string sentence, params string[] args) =>
        Assert.Contains(sentence, Errors(args), StringComparison.Ordinal);

    [Fact]
    public void All_errors_are_reported_at_once()
    {
        var refusal = Assert.Throws<SettingsException>(() => CoordinatorOptions.Read(
            ["--hosts", "nowhere.json", "--run", "nothing.json", "--id", "x", "--election-ms", "1"],
            SettingSource.Flags));
        foreach (string part in (string[])["nowhere.json", "nothing.json", "--id", "--election-ms"])
            Assert.Contains(part, refusal.Message, StringComparison.Ordinal);
        Assert.Equal(4, refusal.Message.Split('\n').Length);
    }

    [Fact]
    public void A_bad_value_in_the_environment_is_refused_like_a_flag()
    {
        var refusal = Assert.Throws<SettingsException>(() => CoordinatorOptions.Read(
            ["--hosts", _hosts, "--run", _run, "--id", "4"],
            new SettingSource(name => name == "QUORATE_LEASE_SECONDS" ? "soon" : null)));
        Assert.Equal("--lease-seconds must be a whole number from 1 to 3600, not 'soon'.", refusal.Message);
    }

    [Fact]
    public void A_flag_named_twice_counts_as_its_last_value() =>
        Assert.Equal(9, Read("--id", "4", "--lease-seconds", "7", "--lease-seconds", "9").Lease.TotalSeconds);

    [Fact]
    public void The_usage_text_names_every_setting()
    {
        var text = new StringWriter();
        SettingSource.Parse(CoordinatorOptions.CommandLine(SettingSource.Flags), ["--help"]).Invoke(
            new System.CommandLine.InvocationConfiguration { Output = text });
        Assert.All(CoordinatorOptions.Settings,
            setting => Assert.Contains($"{setting.Flag} ", text.ToString(), StringComparison.Ordinal));
    }

    [Fact]
    public void Without_a_highest_level_the_builds_own_applies_and_is_shown()
    {
        Assert.Equal(Quorate.Rounds.FeatureLevel.Supported, Read("--id", "4").FeatureLevel);
        Assert.Equal(1, Read("--id", "4", "--max-level", "1").FeatureLevel);
        var setting = CoordinatorOptions.Settings.Single(setting => setting.Name == "max-level");
        Assert.Equal("the build's own", setting.DefaultText);
    }

    private CoordinatorOptions Read(params string[] args) =>
        CoordinatorOptions.Read(["--hosts", _hosts, "--run", _run, .. args], SettingSource.Flags);

    private string Errors(params string[] args) => Assert.Throws<SettingsException>(() => Read(args)).Message;
}
