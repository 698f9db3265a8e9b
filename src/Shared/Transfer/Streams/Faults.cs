using Grpc.Core;
using Quorate.Shared.Protocol;

namespace Quorate.Shared.Transfer.Streams;

/// <summary>A failed call on the wire: the same code, sentence and trailers that gRPC would carry.</summary>
internal static class Faults
{
    /// <summary>A longer sentence is cut: the frame has a limit.</summary>
    private const int DetailMax = 4000;

    public static StreamFault ToFault(this RpcException e)
    {
        string detail = e.Status.Detail;
        var fault = new StreamFault
        {
            Code = (int)e.StatusCode, Detail = detail.Length <= DetailMax ? detail : detail[..DetailMax],
        };
        foreach (var trailer in e.Trailers.Where(trailer => !trailer.IsBinary))
            fault.Trailers[trailer.Key] = trailer.Value;
        return fault;
    }

    public static RpcException ToException(this StreamFault fault)
    {
        var trailers = new Metadata();
        foreach (var (key, value) in fault.Trailers) trailers.Add(key, value);
        return new RpcException(new Status((StatusCode)fault.Code, fault.Detail), trailers);
    }
}
