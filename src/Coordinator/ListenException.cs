using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Quorate.Shared.Hosts;

namespace Quorate.Coordinator;

/// <summary>This node cannot listen on its address. Says why, and which setting names the address.</summary>
internal sealed class ListenException(string key, int node, HostPort address, SocketError cause) : Exception(
    cause switch
    {
        SocketError.AddressAlreadyInUse => $"Port {address} is in use by another program: stop that one, or change",
        SocketError.AccessDenied => $"This user may not listen on {address}: choose a port above 1023, and change",
        _ => $"{address} is not an address of this machine: start node {node} on its own machine, or change",
    } + $" \"{key}\" of node {node} in the hosts file.")
{
    /// <summary>Why listening failed; null: the start failed for another reason.</summary>
    public static SocketError? Cause(Exception e) => e switch
    {
        AddressInUseException => SocketError.AddressAlreadyInUse,
        SocketException
        {
            SocketErrorCode: SocketError.AddressAlreadyInUse or SocketError.AddressNotAvailable
                or SocketError.AccessDenied,
        } socket => socket.SocketErrorCode,
        _ => e.InnerException is { } inner ? Cause(inner) : null,
    };
}
