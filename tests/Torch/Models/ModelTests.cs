using System.Security.Cryptography;
using Quorate.Pt;
using Quorate.Shared.Runs;
using Quorate.Trainer;
using Quorate.Trainer.Models;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Quorate.Torch.Models;

public sealed class ModelTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(Architecture.Lenet5, 61_706)]
    [InlineData(Architecture.Simplecnn, 1_199_882)]
    [InlineData(Architecture.Logistic, 7_850)]
    public void A_model_has_the_parameters_of_its_architecture(Architecture architecture, long count)
    {
        using var model = ModelFactory.Build(architecture);
        Assert.Equal(count, model.parameters().Sum(parameter => parameter.numel()));
    }

    [Fact]
    public void Parameters_have_pytorchs_names_and_shapes()
    {
        using var model = ModelFactory.Build(Architecture.Lenet5);
        Assert.Equal(
            [
                "conv1.weight Float32[6, 1, 5, 5]", "conv1.bias Float32[6]",
                "conv2.weight Float32[16, 6, 5, 5]", "conv2.bias Float32[16]",
                "fc1.weight Float32[120, 400]", "fc1.bias Float32[120]",
                "fc2.weight Float32[84, 120]", "fc2.bias Float32[84]",
                "fc3.weight Float32[10, 84]", "fc3.bias Float32[10]",
            ],
            ModelFile.Schema(model).Select(tensor => tensor.ToString()));
    }

    [Theory]
    [InlineData(Architecture.Lenet5, "4cd258fb312b680ab04900e58edd70ab9f7b1051226f730bf9e166dbc725b0e7")]
    [InlineData(Architecture.Simplecnn, "28ad3e58b4cc7d1579de3aaf27fe2d1394d189b16a5ea6853333d271d08d066b")]
    [InlineData(Architecture.Logistic, "c524876527cdd9a2870384877cb14733128a473455706aa38ed97dd1df9c8a44")]
    public void First_weights_are_the_same_for_ever(Architecture architecture, string sha256)
    {
        using var model = ModelFactory.Build(architecture);
        ModelFactory.Initialise(model, architecture, seed: 1);

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (Tensor tensor in model.state_dict().Values)
            hash.AppendData(tensor.bytes);
        Assert.Equal(sha256, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    [Fact]
    public void First_weights_differ_by_seed_and_lie_within_their_bound()
    {
        using var one = ModelFactory.Build(Architecture.Lenet5);
        using var two = ModelFactory.Build(Architecture.Lenet5);
        ModelFactory.Initialise(one, Architecture.Lenet5, seed: 1);
        ModelFactory.Initialise(two, Architecture.Lenet5, seed: 2);

        Tensor weight = one.state_dict()["conv2.weight"];
        double bound = 1 / Math.Sqrt(6 * 5 * 5);
        Assert.InRange(weight.abs().max().item<float>(), 0.98 * bound, bound);
        Assert.InRange(weight.mean().item<float>(), -0.05 * bound, 0.05 * bound);
        Assert.False(weight.eq(two.state_dict()["conv2.weight"]).any().item<bool>());
    }

    [Fact]
    public void Lenets_first_convolution_and_pooling_in_one_product_are_the_usual_two()
    {
        using var scope = NewDisposeScope();
        using var model = ModelFactory.Build(Architecture.Lenet5);
        ModelFactory.Initialise(model, Architecture.Lenet5, seed: 1);
        Tensor images = randn(3, 1, 28, 28, generator: new Generator(1));

        Tensor[] p = [.. model.parameters()];
        Tensor x = functional.max_pool2d(functional.conv2d(images, p[0], p[1], padding: [2, 2]), 2).relu();
        x = functional.max_pool2d(functional.conv2d(x, p[2], p[3]), 2).relu();
        x = functional.linear(x.flatten(1), p[4], p[5]).relu();
        x = functional.linear(functional.linear(x, p[6], p[7]).relu(), p[8], p[9]);
        Tensor usual = Gradient(x);

        Tensor product = model.call(images);
        Assert.True(product.allclose(x, 1e-4, 1e-5));
        Assert.True(Gradient(product).allclose(usual, 1e-3, 1e-5));

        Tensor Gradient(Tensor logits)
        {
            model.zero_grad();
            functional.cross_entropy(logits, tensor(new long[] { 1, 2, 3 })).backward();
            return cat([.. model.parameters().Select(parameter => parameter.grad!.flatten())]);
        }
    }

    [Fact]
    public async Task Init_writes_the_same_bytes_in_two_processes()
    {
        foreach (string name in new[] { "a.pt", "b.pt" })
        {
            TrainerProcess init = await TrainerProcess.RunAsync(
                "init", "--run", "config/runs/mnist.json", "--out", folder[name]);
            Assert.Equal((0, ""), (init.ExitCode, init.Errors));
        }

        Assert.Equal(File.ReadAllBytes(folder["a.pt"]), File.ReadAllBytes(folder["b.pt"]));
    }

    [Fact]
    public void A_saved_model_loads_to_the_same_weights()
    {
        using var saved = ModelFactory.Build(Architecture.Lenet5);
        using var loaded = ModelFactory.Build(Architecture.Lenet5);
        ModelFile.Save(saved, folder["m.pt"]);
        ModelFile.Load(loaded, folder["m.pt"]);

        foreach ((string name, Tensor tensor) in saved.state_dict())
            Assert.True(tensor.eq(loaded.state_dict()[name]).all().item<bool>());
    }

    [Fact]
    public void Another_architectures_file_is_refused()
    {
        using var simple = ModelFactory.Build(Architecture.Simplecnn);
        ModelFile.Save(simple, folder["m.pt"]);
        Assert.Equal(
            $"{folder["m.pt"]} is no LeNet5: Tensor 'conv1.weight' has shape [32, 1, 3, 3], expected [6, 1, 5, 5].",
            Refusal(Architecture.Lenet5, "m.pt"));
    }

    [Theory]
    [InlineData("linear.weight", "linear.bias:f64", "Tensor 'linear.bias' is Float64, expected Float32.")]
    [InlineData("linear.weight", "bias", "Tensor 'linear.bias' is missing.")]
    [InlineData("linear.weight", "linear.bias,extra", "Tensor 'extra' is not part of the model.")]
    public void A_file_with_other_tensors_is_refused(string weight, string others, string why)
    {
        List<TensorInfo> schema = [new(weight, TensorType.Float32, [10, 784])];
        foreach (string other in others.Split(','))
        {
            string[] nameAndType = other.Split(':');
            TensorType type = nameAndType.Length == 1 ? TensorType.Float32 : TensorType.Float64;
            schema.Add(new TensorInfo(nameAndType[0], type, [10]));
        }

        using (FileStream stream = File.Create(folder["m.pt"]))
        using (var writer = new PtWriter(stream, schema))
        {
            foreach (TensorInfo tensor in schema)
                writer.Write(new byte[tensor.Bytes]);
            writer.Complete();
        }

        Assert.Equal($"{folder["m.pt"]} is no LogisticRegression: {why}", Refusal(Architecture.Logistic, "m.pt"));
    }

    [Fact]
    public void A_damaged_file_is_refused()
    {
        using var model = ModelFactory.Build(Architecture.Logistic);
        ModelFile.Save(model, folder["m.pt"]);
        byte[] bytes = File.ReadAllBytes(folder["m.pt"]);

        File.WriteAllBytes(folder["cut.pt"], bytes[..^100]);
        Assert.StartsWith($"{folder["cut.pt"]} is no model file: ", Refusal(Architecture.Logistic, "cut.pt"));

        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(folder["flipped.pt"], bytes);
        Assert.StartsWith($"{folder["flipped.pt"]} is no model file: ", Refusal(Architecture.Logistic, "flipped.pt"));
    }

    private string Refusal(Architecture architecture, string name)
    {
        using var model = ModelFactory.Build(architecture);
        return Assert.Throws<TrainerException>(() => ModelFile.Load(model, folder[name])).Message;
    }
}
