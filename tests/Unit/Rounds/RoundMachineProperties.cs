using System.Globalization;
using Quorate.Rounds;
using static Quorate.Rounds.Command;

namespace Quorate.Unit.Rounds;

/// <summary>
/// Properties that hold for all proposals, checked on random commands: 100,000 of them here, 1,000,000 with
/// QUORATE_LONG=1; a failure names the seed, and QUORATE_SEED replays only that seed's sequence.
/// </summary>
public sealed class RoundMachineProperties
{
    private const int CommandsASequence = 2500;

    private static readonly int Sequences = Environment.GetEnvironmentVariable("QUORATE_LONG") == "1" ? 400 : 40;

    [Fact]
    public void Every_promise_of_the_state_machine_holds_for_random_commands()
    {
        var reached = new HashSet<string>();
        if (Environment.GetEnvironmentVariable("QUORATE_SEED") is { } seed)
        {
            new Sequence(ulong.Parse(seed, CultureInfo.InvariantCulture), reached).Run();
            return;
        }
        for (int i = 0; i < Sequences; i++) new Sequence((ulong)i, reached).Run();

        // The test proves nothing about cases that the generator does not reach.
        Assert.Equal(EveryCase.Split(' ', StringSplitOptions.RemoveEmptyEntries).Order(), reached.Order());
    }

    private const string EveryCase =
        "OpenRun:Accepted OpenRun:Duplicate OpenRun:Rejected Join:Accepted Join:Duplicate Join:Rejected " +
        "Leave:Accepted Leave:Duplicate Leave:Rejected " +
        "AcceptUpdate:Accepted AcceptUpdate:Duplicate AcceptUpdate:Stale AcceptUpdate:Rejected " +
        "CloseRound:Accepted CloseRound:Duplicate CloseRound:Rejected " +
        "PublishModel:Accepted PublishModel:Duplicate PublishModel:Rejected " +
        "RecordScore:Accepted RecordScore:Duplicate RecordScore:Rejected " +
        "EndRun:Accepted EndRun:Duplicate EndRun:Rejected " +
        "PauseRun:Accepted PauseRun:Duplicate PauseRun:Rejected " +
        "ResumeRun:Accepted ResumeRun:Duplicate ResumeRun:Rejected " +
        "RaiseLevel:Duplicate RaiseLevel:Rejected HoldLevel:Accepted HoldLevel:Duplicate HoldLevel:Rejected " +
        "LimitActiveRuns:Accepted LimitActiveRuns:Duplicate LimitActiveRuns:Rejected " +
        "NameCluster:Accepted NameCluster:Duplicate NameCluster:Rejected " +
        "Preparing Waiting Training Aggregating Scoring Finished Stopped Failed Queued started forgotten reopened " +
        "repeated misused unawaited";

    /// <summary>
    /// Two replicas with one sequence: one applies every command, the other is restored from the first one's snapshot
    /// at random moments and continues from there.
    /// </summary>
    private sealed class Sequence(ulong seed, HashSet<string> reached)
    {
        private readonly RandomCommands _commands = new(seed);
        private readonly SplitMix64 _random = new(~seed);
        private readonly Dictionary<RunId, int> _openings = [];
        private readonly Dictionary<(RunId, int Opening, int Round, TrainerId), BlobHash> _counted = [];
        private ClusterState _first = ClusterState.Empty, _second = ClusterState.Empty;
        private Command? _command;
        private int _step;

        public void Run()
        {
            for (_step = 0; _step < CommandsASequence; _step++) Step();
            CheckSnapshot();
        }

        private void Step()
        {
            _command = _commands.Next(_first);
            byte[] bytes = Scene.Bytes(_command);
            Check(CommandCodec.Decode(bytes) == _command, "the command is not what was encoded");
            long index = _first.Index + 1 + _random.Below(3);

            var before = _first;
            (_first, var outcome) = RoundMachine.Apply(before, index, _command, bytes);
            (_second, var sameOutcome) = RoundMachine.Apply(_second, index, CommandCodec.Decode(bytes), bytes);

            Check(RoundMachine.Judge(before, _command) == outcome, "the judgement is not the outcome");
            Check(outcome == sameOutcome, $"two replicas answer '{outcome}' and '{sameOutcome}'");
            Check(_first.Chain == _second.Chain && _first.Chain != before.Chain, "the chains differ or stand still");
            Check(_first.Index == index, "the index is not the entry's");
            CheckVerdict(before, outcome);
            CheckKey(before, outcome);
            CheckAgain(outcome, bytes);
            if (outcome.Verdict == Verdict.Accepted) CheckChange(before);
            if (_random.OneIn(50)) CheckSnapshot();
            reached.Add($"{_command.GetType().Name}:{outcome.Verdict}");
        }

        private void CheckVerdict(ClusterState before, Outcome outcome)
        {
            bool accepted = outcome.Verdict == Verdict.Accepted;
            bool changed = Scene.Facts(before) != Scene.Facts(_first);
            Check(accepted == changed, $"{outcome.Verdict} and the state says otherwise");
            Check(accepted == (outcome.Reason.Length == 0), "accepted with a reason, or refused without one");
        }

        private void CheckAgain(Outcome outcome, byte[] bytes)
        {
            var (again, second) = RoundMachine.Apply(_first, _first.Index + 1, _command!, bytes);
            Check(!Changed(_first, again), "the same command changed the state twice");
            Check(second.Verdict == (outcome.Holds ? Verdict.Duplicate : outcome.Verdict), $"asked again: {second}");
        }

        /// <summary>A key is remembered with its first answer, and a repetition changes nothing.</summary>
        private void CheckKey(ClusterState before, Outcome outcome)
        {
            if (!_command!.Key.IsSet)
            {
                Check(before.Answered == _first.Answered, "a command without a key is remembered");
                return;
            }
            bool known = before.Answered.Any(request => request.Key == _command.Key);
            Check(known == (before.Answered == _first.Answered), "a key is not remembered, or twice");
            Check(!known || !Changed(before, _first), "a repetition changed the state");
            if (!known) Check(_first.Answered[^1].Outcome == outcome, "another answer is remembered");
            else reached.Add(outcome.Reason.StartsWith("Key ", StringComparison.Ordinal) ? "misused" : "repeated");
        }

        private static bool Changed(ClusterState before, ClusterState after) =>
            before with { Index = 0, Chain = default } != after with { Index = 0, Chain = default };

        private void CheckChange(ClusterState before)
        {
            Check(Invariants.FirstBroken(_first) is null, Invariants.FirstBroken(_first) ?? "");
            CheckOthers(before);
            if (_command is not OfRun command) return;
            var was = before.Find(command.Run);
            var run = _first.Find(command.Run)!;
            reached.Add(run.Phase.ToString());

            if (_command is OpenRun open) CountOpening(before, open.Run);
            else Check(was!.Id == run.Id && !Ended(was, run), "a run that had ended continues");
            if (_command is AcceptUpdate accept) Count(accept);
            if (was is not null) CheckProgress(was, run);
            CheckTrail(run);
            bool complete = run.Updates.Count >= run.Rules.MinResults
                && run.Trainers.Values.All(t => !run.Awaits(t) || run.Updates.ContainsKey(t.Id));
            if (run.Awaited < run.Present) reached.Add("unawaited");
            Check(run.Phase != Phase.Training || !complete, "a round stays open that everybody has delivered to");
        }

        /// <summary>Of the other runs, queued ones may start, and the oldest that ended may be forgotten.</summary>
        private void CheckOthers(ClusterState before)
        {
            var about = (_command as OfRun)?.Run;
            foreach (var run in before.Runs.Where(run => run.Id != about))
            {
                var now = _first.Find(run.Id);
                bool started = run.Stage is Stage.Queued && now is { IsActive: true };
                if (started) reached.Add("started");
                bool forgotten = now is null && _command is OpenRun && before.Runs.Find(old => old.Ended) == run;
                Check(forgotten || now == (started ? run with { Stage = now!.Stage } : run), "another run changed");
            }
        }

        private static bool Ended(Run was, Run run) => was.Ended && run.Phase != was.Phase;

        private void CountOpening(ClusterState before, RunId run)
        {
            if (before.Runs.Count == Limits.Runs) reached.Add("forgotten");
            _openings[run] = _openings.GetValueOrDefault(run) + 1;
            if (_openings[run] > 1) reached.Add("reopened");
        }

        private void Count(AcceptUpdate accept)
        {
            bool first = _counted.TryAdd((accept.Run, _openings[accept.Run], accept.Round, accept.Trainer),
                accept.Blob);
            Check(first, "an update is counted a second time");
        }

        private void CheckProgress(Run was, Run run)
        {
            Check(run.Round >= was.Round, "the round went back");
            Check(run.Trail.Count >= was.Trail.Count, "the trail got shorter");
            for (int i = 0; i < was.Trail.Count; i++)
                Check(was.Trail[i].Blob == run.Trail[i].Blob, "a published model changed");
            if (run.Phase == was.Phase || run.Phase is Phase.Stopped or Phase.Failed) return;
            bool next = (was.Phase, run.Phase) switch
            {
                (Phase.Preparing, Phase.Waiting or Phase.Training) => true,
                (Phase.Waiting, Phase.Training) => true,
                (Phase.Training, Phase.Aggregating) => true,
                (Phase.Aggregating, Phase.Waiting or Phase.Training or Phase.Scoring) => true,
                (Phase.Scoring, Phase.Finished) => true,
                (Phase.Aggregating, Phase.Finished) => run.Model!.Judged,
                _ => false,
            };
            Check(next, $"the phase went from {was.Phase} to {run.Phase}");
        }

        /// <summary>A model averages exactly the updates that were accepted for its round.</summary>
        private void CheckTrail(Run run)
        {
            if (_command is not PublishModel publish) return;
            var model = run.Trail[^1];
            int opening = _openings[run.Id];
            int counted = _counted.Keys.Count(k => k.Item1 == run.Id && k.Opening == opening && k.Round == model.Round);
            int expected = publish.Contributors.IsEmpty ? counted : publish.Contributors.Length;
            Check(model.Contributors == expected, $"{expected} updates should count, {model.Contributors} do");
            foreach (var update in model.Updates)
                Check(_counted[(run.Id, opening, model.Round, update.Trainer)] == update.Blob,
                    "another update is averaged");
            int listed = run.Trail.Count(m => m.Updates.Length > 0);
            Check(listed <= run.Rules.KeepUpdateRounds, "more rounds list their updates than are kept");
        }

        private void CheckSnapshot()
        {
            byte[] bytes = StateCodec.Encode(_first);
            Check(bytes.AsSpan().SequenceEqual(StateCodec.Encode(_second)), "two replicas encode different states");
            _second = StateCodec.Decode(bytes);
            Check(bytes.AsSpan().SequenceEqual(StateCodec.Encode(_second)), "a decoded state encodes differently");
        }

        private void Check(bool holds, string otherwise)
        {
            if (!holds) Assert.Fail($"{otherwise}\nseed {seed}, command {_step}: {_command}");
        }
    }
}
