using System.Globalization;

namespace Quorate.Shared.Hosts;

/// <summary>
/// Where a server listens: a host name or an address, and a port from 1 to 65535. IPv6 is written <c>[::1]:7100</c>.
/// </summary>
/// <remarks>
/// A name is looked up when it is used, not here: a machine that is not up yet is no error of the file.
/// </remarks>
public sealed record HostPort
{
    private HostPort(string host, int port) => (Host, Port) = (host, port);

    /// <summary>Without the brackets of IPv6.</summary>
    public string Host { get; }

    public int Port { get; }

    /// <summary>The address for gRPC without TLS.</summary>
    public string Url => $"http://{this}";

    /// <summary>Null when <paramref name="text"/> is no <c>host:port</c>.</summary>
    public static HostPort? TryParse(string? text)
    {
        int colon = text?.LastIndexOf(':') ?? -1;
        if (colon < 1
            || !int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port))
            return null;
        string host = text![..colon];
        bool bracketed = host is ['[', .., ']'];
        if (bracketed) host = host[1..^1];
        var kind = Uri.CheckHostName(host);
        bool fits = bracketed ? kind == UriHostNameType.IPv6 : kind is UriHostNameType.Dns or UriHostNameType.IPv4;
        return fits && port is >= 1 and <= ushort.MaxValue ? new HostPort(host, port) : null;
    }

    public override string ToString() => Host.Contains(':', StringComparison.Ordinal)
        ? $"[{Host}]:{Port}"
        : $"{Host}:{Port}";
}
