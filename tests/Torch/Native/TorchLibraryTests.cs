using TorchSharp;

namespace Quorate.Torch.Native;

public sealed class TorchLibraryTests
{
    [Fact]
    public void Torch_loads_and_runs_on_one_thread()
    {
        Assert.Equal(3f, torch.ones(3).sum().item<float>());
        Assert.Equal(1, torch.get_num_threads());
    }

    [Fact]
    public void Only_the_trainers_output_holds_libtorch()
    {
        string outputs = Path.GetFullPath(Path.Combine(TrainerOutput.Folder, "../.."));
        string[] copies = Directory.GetFiles(outputs, "libtorch_cpu.so", SearchOption.AllDirectories);
        Assert.Equal([Path.Combine(TrainerOutput.Folder, "libtorch", "libtorch_cpu.so")], copies);
    }
}
