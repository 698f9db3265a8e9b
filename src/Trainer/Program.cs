using Quorate.Trainer.Native;
using TorchSharp;

TorchLibrary.Load();
Console.WriteLine(torch.ones(3).sum().item<float>());
return 0;
