using Quorate.Shared.Runs;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Quorate.Trainer.Models;

/// <summary>
/// Two convolutions and two linear layers with dropout, 1,199,882 parameters: the network of PyTorch's own MNIST
/// example, with its names. Images of shape [n, 1, 28, 28] to logits of shape [n, 10].
/// </summary>
[Registered<ModelKind>(ModelKind.Simplecnn)]
internal sealed class SimpleCnn : Module<Tensor, Tensor>
{
    private readonly Module<Tensor, Tensor> conv1 = Conv2d(1, 32, 3);
    private readonly Module<Tensor, Tensor> conv2 = Conv2d(32, 64, 3);
    private readonly Module<Tensor, Tensor> dropout1 = Dropout(0.25);
    private readonly Module<Tensor, Tensor> dropout2 = Dropout(0.5);
    private readonly Module<Tensor, Tensor> fc1 = Linear(9216, 128);
    private readonly Module<Tensor, Tensor> fc2 = Linear(128, 10);

    public SimpleCnn()
        : base(nameof(SimpleCnn)) => RegisterComponents();

    public override Tensor forward(Tensor images)
    {
        Tensor x = conv1.call(images).relu_();
        x = functional.max_pool2d(conv2.call(x), 2).relu_();
        x = fc1.call(dropout1.call(x).flatten(1)).relu_();
        return fc2.call(dropout2.call(x));
    }
}
