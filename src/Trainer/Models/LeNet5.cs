using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Quorate.Trainer.Models;

/// <summary>
/// LeNet-5 (LeCun et al., 1998) as it is usually built today: 61,706 parameters in the original's layers, with rectified units and maximum
/// pooling for its scaled tangents and trainable subsampling, and every feature map of the second convolution seeing all of the first's.
/// Images of shape [n, 1, 28, 28] to logits of shape [n, 10].
/// </summary>
internal sealed class LeNet5 : Module<Tensor, Tensor>
{
    private readonly Module<Tensor, Tensor> conv1 = Conv2d(1, 6, 5, padding: 2);
    private readonly Module<Tensor, Tensor> conv2 = Conv2d(6, 16, 5);
    private readonly Module<Tensor, Tensor> fc1 = Linear(400, 120);
    private readonly Module<Tensor, Tensor> fc2 = Linear(120, 84);
    private readonly Module<Tensor, Tensor> fc3 = Linear(84, 10);

    public LeNet5()
        : base(nameof(LeNet5)) => RegisterComponents();

    public override Tensor forward(Tensor images)
    {
        // Pooling before rectifying gives the same numbers (both keep order) for a quarter of the rectifying.
        Tensor x = functional.max_pool2d(conv1.call(images), 2).relu_();
        x = functional.max_pool2d(conv2.call(x), 2).relu_();
        x = fc1.call(x.flatten(1)).relu_();
        return fc3.call(fc2.call(x).relu_());
    }
}
