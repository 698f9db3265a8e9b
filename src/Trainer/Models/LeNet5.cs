using Quorate.Shared.Runs;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Quorate.Trainer.Models;

/// <summary>
/// LeNet-5 (LeCun et al., 1998) as it is usually built today: 61,706 parameters in the original's layers. Rectified
/// units and maximum pooling replace the scaled tangents and the trainable subsampling, and every feature map of the
/// second convolution sees all of the first's. Images of shape [n, 1, 28, 28] to logits of shape [n, 10].
/// </summary>
[Registered<ModelKind>(ModelKind.Lenet5)]
internal sealed class LeNet5 : Module<Tensor, Tensor>
{
    private readonly Conv2d conv1 = nn.Conv2d(1, 6, 5, padding: 2);
    private readonly Module<Tensor, Tensor> conv2 = nn.Conv2d(6, 16, 5);
    private readonly Module<Tensor, Tensor> fc1 = Linear(400, 120);
    private readonly Module<Tensor, Tensor> fc2 = Linear(120, 84);
    private readonly Module<Tensor, Tensor> fc3 = Linear(84, 10);

    private static readonly (int X, int Y)[] _corners = [(0, 0), (1, 0), (0, 1), (1, 1)];

    public LeNet5()
        : base(nameof(LeNet5)) => RegisterComponents();

    public override Tensor forward(Tensor images)
    {
        // Pooling before rectifying gives the same numbers (both keep order) for a quarter of the rectifying.
        Tensor x = Pooled1(images).relu_();
        x = functional.max_pool2d(conv2.call(x), 2).relu_();
        x = fc1.call(x.flatten(1)).relu_();
        return fc3.call(fc2.call(x).relu_());
    }

    /// <summary>
    /// <c>max_pool2d(conv1(images), 2)</c> as one matrix product, in less than half the time: libtorch is slow at
    /// convolving one channel, most of all backwards, and at pooling. The four places that one pooling cell compares
    /// see four 5 x 5 windows inside one 6 x 6 patch, and patches are 2 apart. So each kernel is put into 6 x 6 in four
    /// ways, all four are multiplied with every patch, and the greatest product is kept.
    /// </summary>
    private Tensor Pooled1(Tensor images)
    {
        long n = images.shape[0];
        Tensor padded = functional.pad(images, (2, 2, 2, 2));
        Tensor patches = padded.as_strided([6, 6, n, 14, 14], [32, 1, 32 * 32, 2 * 32, 2]).reshape(36, n * 14 * 14);
        Tensor kernels = cat([.. _corners.Select(at =>
            functional.pad(conv1.weight!, (at.X, 1 - at.X, at.Y, 1 - at.Y)))]);
        Tensor greatest = kernels.view(4 * 6, 36).matmul(patches).view(4, 6, -1).amax([0]) + conv1.bias!.unsqueeze(1);
        return greatest.view(6, n, 14, 14).transpose(0, 1);
    }
}
