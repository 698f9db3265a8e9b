using Grpc.Core;
using Quorate.Shared.Protocol;

namespace Quorate.Shared.Transfer.Streams;

/// <summary>A failed call on the wire, with the code, sentence and trailers that gRPC would carry.</summary>
internal static class Faults
{
    /// <summary>Longer sentences are cut, because the frame has a limit.</summary>
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

/// <summary>A call's headers on the wire, as gRPC would carry them. Binary headers are left out.</summary>
internal static class CallHeaders
{
    public static void Write(Metadata headers, IDictionary<string, string> to)
    {
        foreach (var header in headers.Where(header => !header.IsBinary)) to[header.Key] = header.Value;
    }

    /// <exception cref="InvalidDataException">A key that no gRPC header may have.</exception>
    public static Metadata Read(IDictionary<string, string> from)
    {
        var headers = new Metadata();
        try
        {
            foreach (var (key, value) in from) headers.Add(key, value);
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"A header is malformed: {e.Message}", e);
        }
        return headers;
    }
}
