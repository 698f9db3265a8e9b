using System.Text.Json;

namespace Quorate.Shared.Runs;

/// <summary>The words that a run file has for the members of an enum: MeanStd is "mean-std".</summary>
internal static class Words
{
    public static string Of<T>(T member)
        where T : struct, Enum => JsonNamingPolicy.KebabCaseLower.ConvertName(member.ToString());
}
