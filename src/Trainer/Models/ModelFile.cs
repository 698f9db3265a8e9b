using System.Diagnostics;
using Quorate.Pt;
using Quorate.Shared.Transfer;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Quorate.Trainer.Models;

/// <summary>
/// A model's state dict as a .pt file, both ways, straight between the file and the parameters' memory. The names are
/// PyTorch's, so the same class there loads the file with <c>load_state_dict(..., strict=True)</c>.
/// </summary>
internal static class ModelFile
{
    /// <summary>Added to a file's name while it is written.</summary>
    private const string Draft = ".tmp";

    /// <summary>The tensors of a model in the order of its state dict.</summary>
    public static IReadOnlyList<TensorInfo> Schema(Module<Tensor, Tensor> model) =>
        [.. model.state_dict().Select(entry => new TensorInfo(entry.Key, TypeOf(entry.Value), [.. entry.Value.shape]))];

    /// <summary>Fills the model from a file that has exactly its tensors.</summary>
    /// <exception cref="TrainerException">The file is damaged, or is of another model. The model may be half filled
    /// then.</exception>
    public static void Load(Module<Tensor, Tensor> model, string path)
    {
        try
        {
            using PtFile file = PtFile.Open(path);
            if (PtSchema.CheckMatch(Schema(model), file).IsRefused(out string? mismatch))
                throw new TrainerException($"{path} is not a {model.GetName()}: {mismatch}");
            file.VerifyStorages();
            using IDisposable noGrad = no_grad();
            foreach ((string name, Tensor tensor) in model.state_dict())
            {
                using Tensor here = tensor.cpu();
                file.Read(file.Find(name)!, 0, here.bytes);
                if (tensor.device_type != DeviceType.CPU)
                    tensor.copy_(here);
            }
        }
        catch (PtFormatException e)
        {
            throw new TrainerException($"{path} is not a model file: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TrainerException($"{path} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>The file to write for a path that a user named; asked before the work that fills it.</summary>
    /// <exception cref="TrainerException">It cannot be written.</exception>
    public static string Prepare(string path)
    {
        try
        {
            return OutputFile.Prepare(path, Draft);
        }
        catch (OutputFileException e)
        {
            throw new TrainerException(e.Message, e);
        }
    }

    /// <summary>Writes the model. The file appears whole or not at all: it is written under another name, then
    /// renamed.</summary>
    /// <exception cref="TrainerException">The file cannot be written.</exception>
    public static void Save(Module<Tensor, Tensor> model, string path)
    {
        string file = Prepare(path);
        try
        {
            using (FileStream stream = File.Create(file + Draft)) Write(model, stream);
            File.Move(file + Draft, file, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TrainerException($"{path} cannot be written: {e.Message}", e);
        }
    }

    /// <summary>Writes the model to a stream, as a .pt file.</summary>
    /// <exception cref="IOException">The disk is full, or failed.</exception>
    public static void Write(Module<Tensor, Tensor> model, Stream output)
    {
        using var writer = new PtWriter(output, Schema(model));
        foreach (Tensor tensor in model.state_dict().Values)
        {
            using Tensor here = tensor.cpu();
            writer.Write(here.bytes);
        }
        writer.Complete();
    }

    private static TensorType TypeOf(Tensor tensor) => tensor.dtype switch
    {
        ScalarType.Float32 => TensorType.Float32,
        ScalarType.Int64 => TensorType.Int64,
        _ => throw new UnreachableException($"No model here has tensors of {tensor.dtype}."),
    };
}
