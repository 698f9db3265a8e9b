using Quorate.Settings;
using Quorate.Trainer.Commands;

namespace Quorate.Torch.Commands;

public sealed class SettingsPageTests
{
    [Fact]
    public void The_settings_page_shows_what_the_trainer_declares()
    {
        string path = Path.Combine(TrainerOutput.Repository, "docs", "SETTINGS.md"), page = File.ReadAllText(path);
        string fresh = SettingTable.Refresh(page, "trainer", TrainerSettings.Attending);
        if (Environment.GetEnvironmentVariable("QUORATE_WRITE_DOCS") == "1") File.WriteAllText(path, fresh);
        else
            Assert.True(fresh == page, "docs/SETTINGS.md is out of date; write it with "
                + "QUORATE_WRITE_DOCS=1 dotnet test tests/Torch --filter SettingsPageTests");
    }
}
