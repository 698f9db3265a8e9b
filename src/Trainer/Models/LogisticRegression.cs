using Quorate.Shared.Runs;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Quorate.Trainer.Models;

/// <summary>One linear layer, 7,850 parameters. Images of shape [n, 1, 28, 28] to logits of shape [n, 10].</summary>
[Registered<ModelKind>(ModelKind.Logistic)]
internal sealed class LogisticRegression : Module<Tensor, Tensor>
{
    private readonly Module<Tensor, Tensor> linear = Linear(784, 10);

    public LogisticRegression()
        : base(nameof(LogisticRegression)) => RegisterComponents();

    public override Tensor forward(Tensor images) => linear.call(images.flatten(1));
}
