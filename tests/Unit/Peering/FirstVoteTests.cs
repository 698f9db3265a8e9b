using Microsoft.Extensions.Time.Testing;
using Quorate.Coordinator.Disk;
using Quorate.Coordinator.Peering;
using Quorate.Shared.Protocol;

namespace Quorate.Unit.Peering;

public sealed class FirstVoteTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("quorate-test-").FullName;

    private readonly FakeTimeProvider _time = new();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_new_node_waits_for_a_majority() =>
        Assert.Equal(Admission.Wait, FirstVote.Decide(Answers(), nodes: 3, rejoin: false));

    [Fact]
    public void A_node_that_no_answering_peer_remembers_may_vote() =>
        Assert.Equal(Admission.Enrol, FirstVote.Decide(Answers(Stranger()), nodes: 3, rejoin: false));

    [Fact]
    public void A_latecomer_to_a_cluster_that_runs_already_may_vote() =>
        Assert.Equal(
            Admission.Enrol,
            FirstVote.Decide(Answers(Stranger(leader: 1, term: 9), Stranger(leader: 1, term: 9)), 3, false));

    [Fact]
    public void A_node_alone_in_its_cluster_may_vote() =>
        Assert.Equal(Admission.Enrol, FirstVote.Decide(Answers(), nodes: 1, rejoin: false));

    [Fact]
    public void A_node_that_one_peer_remembers_with_other_data_is_refused() =>
        Assert.Equal(
            Admission.Refuse, FirstVote.Decide(Answers(Stranger(), Lost(leader: 1, term: 2)), nodes: 3, rejoin: false));

    [Fact]
    public void Rejoining_waits_until_both_others_follow_one_leader_in_one_term()
    {
        Assert.Equal(Admission.Wait, FirstVote.Decide(Answers(Lost(leader: 1, term: 2)), 3, rejoin: true));
        Assert.Equal(Admission.Wait, FirstVote.Decide(Answers(Lost(1, 2), Lost(leader: -1, term: 3)), 3, rejoin: true));
        Assert.Equal(Admission.Wait, FirstVote.Decide(Answers(Lost(1, 2), Lost(1, 3)), 3, rejoin: true));
        Assert.Equal(Admission.Enrol, FirstVote.Decide(Answers(Lost(1, 3), Lost(1, 3)), 3, rejoin: true));
    }

    [Fact]
    public async Task An_identity_is_remembered_over_restarts_and_another_one_is_told_apart()
    {
        var enrolment = Enrolment.Open(_folder, _time, 0, 1);
        Assert.Equal((false, false), await AnswerAsync(enrolment, Hello(identity: 5, enrol: false)));
        Assert.Equal((true, false), await AnswerAsync(enrolment, Hello(identity: 5, enrol: true)));

        enrolment = Enrolment.Open(_folder, _time, 0, 1);
        Assert.Equal((true, false), await AnswerAsync(enrolment, Hello(identity: 5, enrol: false)));
        Assert.Equal((false, true), await AnswerAsync(enrolment, Hello(identity: 6, enrol: true)));
        Assert.Equal(
            (true, false), await AnswerAsync(enrolment, Hello(identity: 6, enrol: true, rejoin: true)));
        Assert.Equal((false, true), await AnswerAsync(enrolment, Hello(identity: 5, enrol: false)));
    }

    /// <summary>Anybody could ask in a node's name; its own Raft connections were refused from then on.</summary>
    [Fact]
    public async Task A_peer_is_enrolled_only_with_the_identity_that_it_states_at_its_own_address()
    {
        var enrolment = Enrolment.Open(_folder, _time, 0, 1);
        var forged = Hello(identity: 6, enrol: true, rejoin: true);
        Assert.Equal((false, false), await enrolment.AnswerAsync(forged, (_, _) => Task.FromResult(5ul), default));
        Assert.Equal((false, false), await enrolment.AnswerAsync(forged, (_, _) => Task.FromResult(0ul), default));

        Assert.Equal((true, false), await AnswerAsync(enrolment, Hello(5, enrol: true)));
        Assert.Equal((false, true), await enrolment.AnswerAsync(forged, (_, _) => Task.FromResult(5ul), default));
        Assert.Equal(5ul, enrolment.IdentityOf(1));
    }

    /// <summary>64 callers of forged enrolments kept the disk flushing, and the cluster lost its leader.</summary>
    [Fact]
    public async Task Enrolments_in_one_name_are_written_at_most_every_ten_seconds()
    {
        var enrolment = Enrolment.Open(_folder, _time, 0, 1);
        Assert.Equal((true, false), await AnswerAsync(enrolment, Hello(5, enrol: true, rejoin: true)));
        for (ulong forged = 6; forged < 50; forged++)
            Assert.Equal(
                (false, true), await AnswerAsync(enrolment, Hello(forged, enrol: true, rejoin: true)));

        _time.Advance(Enrolment.WriteEvery);
        Assert.Equal((true, false), await AnswerAsync(enrolment, Hello(50, enrol: true, rejoin: true)));
    }

    /// <summary>
    /// A stranger's id was written down; if it was not a node's number, it damaged the file for the next start.
    /// </summary>
    [Theory]
    [InlineData(-1)]
    [InlineData(7)]
    public async Task A_stranger_to_the_cluster_is_never_enrolled(int stranger)
    {
        var hello = new HelloRequest { Node = stranger, Identity = 5, Enrol = true };
        Assert.Equal((false, false), await AnswerAsync(Enrolment.Open(_folder, _time, 0, 1), hello));
        Assert.False(File.Exists(Path.Combine(_folder, "peers")));
    }

    [Fact]
    public void A_directory_keeps_its_identity_and_another_directory_has_another()
    {
        ulong identity = Enrolment.Open(_folder, _time).Identity;
        Assert.NotEqual(0ul, identity);
        Assert.Equal(identity, Enrolment.Open(_folder, _time).Identity);
        string other = Directory.CreateDirectory(Path.Combine(_folder, "other")).FullName;
        Assert.NotEqual(identity, Enrolment.Open(other, _time).Identity);
    }

    [Theory]
    [InlineData("identity", "not hexadecimal")]
    [InlineData("peers", "1")]
    [InlineData("peers", "one 00000000000000ff")]
    public void A_damaged_file_is_refused_with_a_sentence_that_says_how_to_continue(string name, string text)
    {
        Enrolment.Open(_folder, _time);
        File.WriteAllText(Path.Combine(_folder, name), text);
        var refusal = Assert.Throws<DataDirectoryException>(() => Enrolment.Open(_folder, _time));
        Assert.Contains("--rejoin", refusal.Message, StringComparison.Ordinal);
    }

    /// <summary>Both groups of a split may be a majority of their own file.</summary>
    [Fact]
    public void A_node_waits_while_a_reachable_node_has_another_hosts_file() => Assert.Equal(
        Admission.Wait,
        FirstVote.Decide(new PeerAnswers([Stranger(), Stranger(), Stranger()], ["another file"]), 5, rejoin: false));

    private static PeerAnswers Answers(params HelloReply[] accepted) => new(accepted, []);

    private static HelloReply Stranger(int leader = -1, long term = 0) => new() { LeaderNode = leader, Term = term };

    private static HelloReply Lost(int leader, long term) =>
        new() { LeaderNode = leader, Term = term, OtherIdentity = true };

    /// <summary>The peer states at its own address what it asks for.</summary>
    private static Task<(bool Enrolled, bool OtherIdentity)> AnswerAsync(Enrolment enrolment, HelloRequest hello) =>
        enrolment.AnswerAsync(hello, (_, _) => Task.FromResult(hello.Identity), default);

    private static HelloRequest Hello(ulong identity, bool enrol, bool rejoin = false) =>
        new() { Node = 1, Identity = identity, Enrol = enrol, Rejoin = rejoin };
}
