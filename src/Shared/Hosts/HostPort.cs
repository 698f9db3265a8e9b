using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Quorate.Shared.Hosts;

/// <summary>
/// The address of a server: a host name or an IP address, and a port from 1 to 65535. IPv6 is written
/// <c>[::1]:7100</c>.
/// </summary>
/// <remarks>
/// A name is looked up at each connection, not here: a machine that is not up yet is not an error in the file.
/// </remarks>
public sealed record HostPort
{
    private HostPort(string host, int port) => (Host, Port) = (host, port);

    /// <summary>Without the brackets of IPv6.</summary>
    public string Host { get; }

    public int Port { get; }

    /// <summary>The address for gRPC without TLS.</summary>
    public string Url => $"http://{this}";

    /// <summary>False if <paramref name="text"/> is not <c>host:port</c>.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out HostPort? address)
    {
        address = null;
        int colon = text?.LastIndexOf(':') ?? -1;
        if (colon < 1
            || !int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port))
            return false;
        string host = text![..colon];
        bool bracketed = host is ['[', .., ']'];
        if (bracketed) host = host[1..^1];
        var kind = Uri.CheckHostName(host);
        bool fits = bracketed ? kind == UriHostNameType.IPv6 : kind is UriHostNameType.Dns or UriHostNameType.IPv4;
        if (fits && port is >= 1 and <= ushort.MaxValue) address = new HostPort(host, port);
        return address is not null;
    }

    /// <exception cref="FormatException">The text is not <c>host:port</c>.</exception>
    public static HostPort Parse(string text) => TryParse(text, out var address)
        ? address
        : throw new FormatException($"'{text}' is not host:port.");

    public override string ToString() => Host.Contains(':', StringComparison.Ordinal)
        ? $"[{Host}]:{Port}"
        : $"{Host}:{Port}";
}
