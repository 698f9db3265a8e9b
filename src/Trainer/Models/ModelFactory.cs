using System.Runtime.InteropServices;
using Quorate.Shared.Runs;
using Quorate.Trainer.Learning;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Quorate.Trainer.Models;

/// <summary>Builds the networks of a run file, and gives them their first weights.</summary>
internal static class ModelFactory
{
    /// <summary>The network on the CPU, with weights that mean nothing yet.</summary>
    public static Module<Tensor, Tensor> Build(ModelKind model) =>
        Registered<ModelKind, Module<Tensor, Tensor>>.Create(model);

    /// <summary>The model that a run starts from: the same on any machine, whoever makes it.</summary>
    public static Module<Tensor, Tensor> Initial(ModelKind kind, ulong seed)
    {
        var model = Build(kind);
        Initialise(model, kind, seed);
        return model;
    }

    /// <summary>
    /// PyTorch's own initialisation of convolutions and linear layers, weights and biases uniform within 1 /
    /// sqrt(inputs of a unit), but drawn from <see cref="Randomness"/>: the same model and seed give the same
    /// bytes on any machine, which libtorch's vectorised generators do not promise.
    /// </summary>
    public static void Initialise(Module<Tensor, Tensor> model, ModelKind kind, ulong seed)
    {
        foreach ((string name, var parameter) in model.named_parameters())
        {
            // A weight is [outputs, inputs...]; a bias, [outputs], takes its weight's bound.
            Tensor weight = model.get_parameter(name.Replace(".bias", ".weight", StringComparison.Ordinal))!;
            float bound = 1 / MathF.Sqrt(weight.numel() / weight.shape[0]);
            Randomness random = Randomness.For("initial model", seed, kind, name);
            foreach (ref float value in MemoryMarshal.Cast<byte, float>(parameter.bytes))
                value = bound * random.Signed();
        }
    }
}
