using System.Security.Cryptography;
using Quorate.Pt;
using Quorate.Shared.Runs;
using Quorate.Trainer;
using Quorate.Trainer.Data;
using Quorate.Trainer.Models;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Quorate.Torch.Models;

public sealed class ModelTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_name_in_a_run_file_has_its_class()
    {
        Assert.Equal(Enum.GetValues<ModelKind>(), Registered<ModelKind, Module<Tensor, Tensor>>.Names.Order());
        Assert.Equal(Enum.GetValues<DataSetKind>(), Registered<DataSetKind, IDataSet>.Names.Order());
        Assert.Equal(Enum.GetValues<Partitioning>(), Registered<Partitioning, IPartitioner>.Names.Order());
    }

    [Theory]
    [InlineData(ModelKind.Lenet5, 61_706)]
    [InlineData(ModelKind.Simplecnn, 1_199_882)]
    [InlineData(ModelKind.Logistic, 7_850)]
    public void A_model_has_the_parameters_of_its_kind(ModelKind kind, long count)
    {
        using var model = ModelFactory.Build(kind);
        Assert.Equal(count, model.parameters().Sum(parameter => parameter.numel()));
    }

    [Fact]
    public void Parameters_have_pytorchs_names_and_shapes()
    {
        using var model = ModelFactory.Build(ModelKind.Lenet5);
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
    [InlineData(ModelKind.Lenet5, "4cd258fb312b680ab04900e58edd70ab9f7b1051226f730bf9e166dbc725b0e7")]
    [InlineData(ModelKind.Simplecnn, "28ad3e58b4cc7d1579de3aaf27fe2d1394d189b16a5ea6853333d271d08d066b")]
    [InlineData(ModelKind.Logistic, "c524876527cdd9a2870384877cb14733128a473455706aa38ed97dd1df9c8a44")]
    public void First_weights_are_the_same_for_ever(ModelKind kind, string sha256)
    {
        using var model = ModelFactory.Build(kind);
        ModelFactory.Initialise(model, kind, seed: 1);

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (Tensor tensor in model.state_dict().Values)
            hash.AppendData(tensor.bytes);
        Assert.Equal(sha256, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    [Fact]
    public void First_weights_differ_by_seed_and_lie_within_their_bound()
    {
        using var one = ModelFactory.Build(ModelKind.Lenet5);
        using var two = ModelFactory.Build(ModelKind.Lenet5);
        ModelFactory.Initialise(one, ModelKind.Lenet5, seed: 1);
        ModelFactory.Initialise(two, ModelKind.Lenet5, seed: 2);

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
        using var model = ModelFactory.Build(ModelKind.Lenet5);
        ModelFactory.Initialise(model, ModelKind.Lenet5, seed: 1);
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
                "init", "--run", "config/runs/mnist.json", "--out", _folder[name]);
            Assert.Equal((0, ""), (init.ExitCode, init.Errors));
        }

        Assert.Equal(File.ReadAllBytes(_folder["a.pt"]), File.ReadAllBytes(_folder["b.pt"]));
    }

    [Fact]
    public void A_saved_model_loads_to_the_same_weights()
    {
        using var saved = ModelFactory.Build(ModelKind.Lenet5);
        using var loaded = ModelFactory.Build(ModelKind.Lenet5);
        ModelFile.Save(saved, _folder["m.pt"]);
        ModelFile.Load(loaded, _folder["m.pt"]);

        foreach ((string name, Tensor tensor) in saved.state_dict())
            Assert.True(tensor.eq(loaded.state_dict()[name]).all().item<bool>());
    }

    [Fact]
    public void Another_architectures_file_is_refused()
    {
        using var simple = ModelFactory.Build(ModelKind.Simplecnn);
        ModelFile.Save(simple, _folder["m.pt"]);
        Assert.Equal(
            $"{_folder["m.pt"]} is not a LeNet5: Tensor 'conv1.weight' has shape [32, 1, 3, 3], expected [6, 1, 5, 5].",
            Refusal(ModelKind.Lenet5, "m.pt"));
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

        using (FileStream stream = File.Create(_folder["m.pt"]))
        using (var writer = new PtWriter(stream, schema))
        {
            foreach (TensorInfo tensor in schema)
                writer.Write(new byte[tensor.Bytes]);
            writer.Complete();
        }

        Assert.Equal($"{_folder["m.pt"]} is not a LogisticRegression: {why}", Refusal(ModelKind.Logistic, "m.pt"));
    }

    [Fact]
    public void A_damaged_file_is_refused()
    {
        using var model = ModelFactory.Build(ModelKind.Logistic);
        ModelFile.Save(model, _folder["m.pt"]);
        byte[] bytes = File.ReadAllBytes(_folder["m.pt"]);

        File.WriteAllBytes(_folder["cut.pt"], bytes[..^100]);
        Assert.StartsWith($"{_folder["cut.pt"]} is not a model file: ", Refusal(ModelKind.Logistic, "cut.pt"));

        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(_folder["flipped.pt"], bytes);
        Assert.StartsWith($"{_folder["flipped.pt"]} is not a model file: ", Refusal(ModelKind.Logistic, "flipped.pt"));
    }

    private string Refusal(ModelKind kind, string name)
    {
        using var model = ModelFactory.Build(kind);
        return Assert.Throws<TrainerException>(() => ModelFile.Load(model, _folder[name])).Message;
    }
}
