using Quorate.Rounds;

namespace Quorate.Unit.Consensus;

/// <summary>Small valid commands.</summary>
internal static class Commands
{
    public static readonly RunId Run = RunId.Parse("run");

    public static readonly RunRules Rules = new()
    {
        Rounds = 10, MinTrainers = 20_000, MinResults = 1, Deadline = TimeSpan.FromMinutes(1), Grace = TimeSpan.Zero,
        KeepUpdateRounds = 1, KeepModels = 1,
    };

    public static Command Open(string plan = "{}") => new Command.OpenRun(Run, Rules, plan, 1);

    /// <summary>Every <paramref name="trainer"/> makes another command.</summary>
    public static Command Join(int trainer) =>
        new Command.Join(Run, TrainerId.Parse($"t{trainer}"), 1, 0, 100, trainer);
}
