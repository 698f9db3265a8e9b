using Quorate.Coordinator.Settings;
using Quorate.Settings;
using Quorate.Unit.Tidy;

namespace Quorate.Unit.Settings;

public sealed class SettingsPageTests
{
    [Fact]
    public void The_settings_page_shows_what_the_coordinator_declares()
    {
        string path = Path.Combine(SourceFile.Root, "docs", "SETTINGS.md"), page = File.ReadAllText(path);
        string fresh = SettingTable.Refresh(page, "coordinator", CoordinatorOptions.Settings);
        if (Environment.GetEnvironmentVariable("QUORATE_WRITE_DOCS") == "1") File.WriteAllText(path, fresh);
        else
            Assert.True(fresh == page, "docs/SETTINGS.md is out of date; write it with "
                + "QUORATE_WRITE_DOCS=1 dotnet test tests/Unit --filter SettingsPageTests");
    }

    [Fact]
    public void A_page_without_its_marks_is_refused() =>
        Assert.Contains("generated from the declarations: coordinator", Assert.Throws<FormatException>(
            () => SettingTable.Refresh("# Settings\n", "coordinator", [])).Message, StringComparison.Ordinal);
}
