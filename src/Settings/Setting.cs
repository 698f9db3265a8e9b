using System.Diagnostics.CodeAnalysis;

namespace Quorate.Settings;

/// <summary>
/// One setting of a program. Its flag (<c>--lease-seconds</c>), its environment variable
/// (<c>QUORATE_LEASE_SECONDS</c>), the check of its values, its line in the usage text and its row in docs/SETTINGS.md
/// all follow from this declaration.
/// </summary>
public abstract class Setting
{
    private protected Setting(string name, string reason) => (Name, Reason) = (name, reason);

    public string Name { get; }

    /// <summary>What it does, and why its default is what it is.</summary>
    public string Reason { get; }

    public string Flag => $"--{Name}";

    public string Variable => $"QUORATE_{Name.ToUpperInvariant().Replace('-', '_')}";

    public bool IsRequired => DefaultText == "required";

    /// <summary>What applies where nothing is said, as tables show it.</summary>
    public abstract string DefaultText { get; }

    public abstract string Rule { get; }

    public abstract string Range { get; }

    public abstract string Hint { get; }

    public abstract bool IsSwitch { get; }

    /// <summary>Whether the program can use this text as the setting's value.</summary>
    public abstract bool Takes(string text);

    /// <summary>A setting without which the program does nothing.</summary>
    public static Setting<T> Required<T>(string name, SettingKind<T> kind, string reason) =>
        new(name, kind, reason, "required");

    public static Setting<T> Of<T>(string name, SettingKind<T> kind, T fallback, string reason) =>
        new(name, kind, reason, kind.Show(fallback)) { Default = fallback };

    /// <summary>A setting whose default follows from something else, or that may be left out.</summary>
    /// <param name="shown">The default in words, as tables show it.</param>
    public static Setting<T> Optional<T>(string name, SettingKind<T> kind, string shown, string reason) =>
        new(name, kind, reason, shown);
}

/// <inheritdoc/>
public sealed class Setting<T> : Setting
{
    private readonly SettingKind<T> _kind;

    internal Setting(string name, SettingKind<T> kind, string reason, string shown) : base(name, reason) =>
        (_kind, DefaultText) = (kind, shown);

    /// <summary>What applies where nothing is said; nothing useful for a required or an optional setting.</summary>
    public T Default { get; init; } = default!;

    public override string DefaultText { get; }

    public override string Rule => _kind.Rule;

    public override string Range => _kind.Range;

    public override string Hint => _kind.Hint;

    public override bool IsSwitch => _kind.IsSwitch;

    public override bool Takes(string text) => TryRead(text, out _);

    public bool TryRead(string text, [MaybeNullWhen(false)] out T value) => _kind.TryRead(text, out value);
}
