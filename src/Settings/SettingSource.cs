using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Diagnostics.CodeAnalysis;

namespace Quorate.Settings;

/// <summary>
/// Where the values of settings come from: the command line first, then the environment. Nothing else: no response
/// files, no configuration files.
/// </summary>
public sealed class SettingSource(Func<string, string?> environment)
{
    /// <summary>How often a flag may be repeated; the last one counts.</summary>
    private const int RepeatsMax = 100;

    private static readonly ParserConfiguration _plain = new()
    {
        EnablePosixBundling = false, ResponseFileTokenReplacer = null,
    };

    /// <summary>This process's own environment.</summary>
    public static SettingSource Process { get; } = new(Environment.GetEnvironmentVariable);

    /// <summary>The command line alone.</summary>
    public static SettingSource Flags { get; } = new(_ => null);

    /// <summary>
    /// Gives the command a flag for each setting. Values that cannot be used, from wherever they come, are errors of
    /// the parse, all of them at once.
    /// </summary>
    public void Declare(Command command, IReadOnlyList<Setting> settings)
    {
        foreach (var setting in settings)
        {
            command.Options.Add(new Option<string[]>(setting.Flag)
            {
                Description = Describe(setting), HelpName = setting.Hint,
                Arity = new ArgumentArity(setting.IsSwitch ? 0 : 1, RepeatsMax),
            });
        }
        command.Validators.Add(result =>
        {
            foreach (var setting in settings)
                if (Error(result, setting) is { Length: > 0 } error) result.AddError(error);
        });
    }

    /// <summary>A program that consists of one command.</summary>
    public Command Program(string name, string description, IReadOnlyList<Setting> settings)
    {
        var command = new Command(name, description) { Options = { new HelpOption() } };
        Declare(command, settings);
        return command;
    }

    /// <summary>A command line that is wrong is answered with one sentence for each error, and nothing else.</summary>
    public static ParseResult Parse(Command command, IReadOnlyList<string> args)
    {
        var line = command.Parse(args, _plain);
        if (line.Action is ParseErrorAction refusal) (refusal.ShowHelp, refusal.ShowTypoCorrections) = (false, false);
        return line;
    }

    /// <summary>The setting's value: as said, or its default.</summary>
    public T Get<T>(ParseResult line, Setting<T> setting) =>
        TryGet(line, setting, out var value) ? value : setting.Default;

    /// <summary>The setting's value where the command line or the environment says one that can be used.</summary>
    public bool TryGet<T>(ParseResult line, Setting<T> setting, [MaybeNullWhen(false)] out T value)
    {
        value = default;
        return TextOf(line.GetResult(setting.Flag) as OptionResult, setting) is { } text
            && setting.TryRead(text, out value);
    }

    private string Error(CommandResult command, Setting setting)
    {
        var flag = command.GetResult(setting.Flag) as OptionResult;
        // The parser itself refuses a flag that lacks its value.
        if (flag is { Implicit: false, Tokens: [] } && !setting.IsSwitch) return "";
        if (TextOf(flag, setting) is { } text)
            return setting.Takes(text) ? "" : $"{setting.Flag} must be {setting.Rule}, not '{text}'.";
        if (!setting.IsRequired) return "";
        return $"{setting.Flag} is missing; it must be {setting.Rule}: {setting.Reason}.";
    }

    /// <summary>What the command line says, else the environment; null where neither says anything.</summary>
    private string? TextOf(OptionResult? flag, Setting setting) => flag switch
    {
        { Tokens: [.., var last] } => last.Value,
        { Implicit: false } when setting.IsSwitch => "true",
        _ => environment(setting.Variable) is { Length: > 0 } text ? text : null,
    };

    private static string Describe(Setting setting)
    {
        string range = setting.Range.Length > 0 ? $"{setting.Range}; " : "";
        string shown = setting.DefaultText.Length == 0 ? "no default"
            : setting.IsRequired ? "required" : $"default {setting.DefaultText}";
        return $"{setting.Reason} ({range}{shown})".Replace("`", "", StringComparison.Ordinal);
    }
}
