using Quorate.Shared.Hosts;

namespace Quorate.Unit.Hosts;

public class HostsFileTests
{
    private const string Three = """
        { "nodes": [ // comments are allowed
          { "id": 2, "raft": "127.0.0.1:7102", "grpc": "127.0.0.1:7202" },
          { "id": 0, "raft": "node-0.example:7100", "grpc": "node-0.example:7200" },
          { "id": 1, "raft": "[::1]:7101", "grpc": "[::1]:7201" } ] }
        """;

    [Fact]
    public void A_good_file_lists_its_nodes_by_id()
    {
        var hosts = HostsFile.Parse(Three);
        Assert.Equal([0, 1, 2], hosts.Nodes.Select(n => n.Id));
        Assert.Equal("node-0.example", hosts.Nodes[0].Raft.Host);
        Assert.Equal("http://[::1]:7201", hosts.Nodes[1].Grpc.Url);
        Assert.Equal(7102, hosts.Node(2).Raft.Port);
    }

    [Fact]
    public void What_is_written_reads_back_the_same()
    {
        var hosts = HostsFile.Parse(Three);
        Assert.Equal(hosts.Nodes, HostsFile.Parse(hosts.Json).Nodes);
    }

    [Fact]
    public void An_unknown_id_is_refused_with_the_ids_there_are()
    {
        var e = Assert.Throws<HostsFileException>(() => HostsFile.Parse(Three).Node(7, "hosts.json"));
        Assert.Contains("no node with id 7", e.Message, StringComparison.Ordinal);
        Assert.Contains("0, 1, 2", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void All_errors_are_reported_at_once_and_each_names_its_key()
    {
        var e = Assert.Throws<HostsFileException>(() => HostsFile.Parse("""
            { "colour": 1, "nodes": [
              { "id": -1, "raft": "127.0.0.1:7100", "grpc": "127.0.0.1:99999" },
              { "id": 1, "raft": "127.0.0.1", "grpc": "127.0.0.1:7201", "port": 3 } ] }
            """));
        foreach (string key in new[] { "colour", "nodes must list", "nodes[0].id", "nodes[0].grpc", "nodes[1].raft",
            "nodes[1].port" })
            Assert.Contains(e.Errors, error => error.StartsWith(key, StringComparison.Ordinal));
        Assert.Equal(6, e.Errors.Count);
    }

    [Fact]
    public void An_id_or_an_address_may_occur_once()
    {
        var e = Assert.Throws<HostsFileException>(() => HostsFile.Parse("""
            { "nodes": [
              { "id": 0, "raft": "127.0.0.1:7100", "grpc": "127.0.0.1:7200" },
              { "id": 0, "raft": "127.0.0.1:7101", "grpc": "127.0.0.1:7201" },
              { "id": 1, "raft": "127.0.0.1:7102", "grpc": "127.0.0.1:7200" } ] }
            """));
        Assert.Equal(2, e.Errors.Count);
        Assert.Contains("Duplicate node id 0", e.Errors[0], StringComparison.Ordinal);
        Assert.Contains("127.0.0.1:7200 is given to node 0 grpc and node 1 grpc", e.Errors[1],
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{ \"nodes\": [\n}")]
    [InlineData("{ \"nodes\": [], \"nodes\": [] }")]
    [InlineData("[[[[[[[[]]]]]]]]")]
    public void Text_that_is_not_JSON_is_refused_with_its_line(string text)
    {
        var e = Assert.Throws<HostsFileException>(() => HostsFile.Parse(text));
        Assert.Matches("It is not JSON: (line [12], byte [1-9][0-9]*: |Duplicate )[^|]+$", e.Message);
        Assert.DoesNotContain("LineNumber", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{ \"nodes\": {} }")]
    public void A_file_without_nodes_is_refused(string text) =>
        Assert.Throws<HostsFileException>(() => HostsFile.Parse(text));

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(7)]
    public void A_count_other_than_one_three_or_five_is_refused(int count)
    {
        string nodes = string.Join(",", Enumerable.Range(0, count)
            .Select(i => $$"""{"id":{{i}},"raft":"127.0.0.1:{{7100 + i}}","grpc":"127.0.0.1:{{7200 + i}}"}"""));
        var e = Assert.Throws<HostsFileException>(() => HostsFile.Parse($$"""{"nodes":[{{nodes}}]}"""));
        Assert.Contains($"not {count}", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_is_refused_and_says_which_option_names_it()
    {
        var e = Assert.Throws<HostsFileException>(() => HostsFile.Load("no/such/hosts.json"));
        Assert.Equal(
            "There is no no/such/hosts.json. Start in the checkout's folder, or name a hosts file with --hosts.",
            e.Message);
    }

    [Theory]
    [InlineData("host")]
    [InlineData(":7100")]
    [InlineData("host:0")]
    [InlineData("host:65536")]
    [InlineData("host:+1")]
    [InlineData("ho st:1")]
    [InlineData("::1:7100")]
    [InlineData("[host]:7100")]
    [InlineData(null)]
    public void Text_that_is_not_an_address_is_not_parsed(string? text) => Assert.False(HostPort.TryParse(text, out _));
}
