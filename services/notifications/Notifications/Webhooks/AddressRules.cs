using System.Net;
using System.Net.Sockets;

namespace Notifications.Webhooks;

/// <summary>Which addresses a webhook may be sent to: global unicast ones, and what the configuration adds.</summary>
/// <remarks>
/// The list follows the IANA special-purpose address registries. What is not known to be global is refused, so that a range that
/// gains a meaning later is on the safe side. IPv4 addresses inside IPv6 (mapped, NAT64, 6to4, Teredo) are refused as a whole:
/// they reach through translators what the same IPv4 address would not.
/// </remarks>
public sealed class AddressRules
{
    private static readonly IPNetwork GlobalIPv6 = IPNetwork.Parse("2000::/3");

    private static readonly IPNetwork[] NotGlobal =
    [
        .. new[]
        {
            "0.0.0.0/8",        // this network
            "10.0.0.0/8",       // private
            "100.64.0.0/10",    // shared address space of carriers (CGNAT)
            "127.0.0.0/8",      // loopback
            "169.254.0.0/16",   // link-local, and the metadata services of clouds
            "172.16.0.0/12",    // private
            "192.0.0.0/24",     // IETF protocol assignments
            "192.0.2.0/24",     // documentation
            "192.88.99.0/24",   // 6to4 relays
            "192.168.0.0/16",   // private
            "198.18.0.0/15",    // benchmarks
            "198.51.100.0/24",  // documentation
            "203.0.113.0/24",   // documentation
            "224.0.0.0/4",      // multicast
            "240.0.0.0/4",      // reserved, and broadcast
            "2001::/23",        // IETF protocol assignments, among them Teredo and ORCHID
            "2001:db8::/32",    // documentation
            "2002::/16",        // 6to4
            "3fff::/20",        // documentation
        }.Select(IPNetwork.Parse),
    ];

    // What a developer's machine and its containers use. Link-local stays out: nothing that listens there is a webhook receiver.
    private static readonly IPNetwork[] PrivateNetworks =
    [
        .. new[] { "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7" }.Select(IPNetwork.Parse),
    ];

    private readonly IPNetwork[] _allowed;

    /// <param name="allowPrivateNetworks">For development and tests: loopback and private networks may be dialled.</param>
    /// <param name="allowedNetworks">Networks in CIDR notation that may be dialled whatever they are.</param>
    public AddressRules(bool allowPrivateNetworks = false, IEnumerable<string>? allowedNetworks = null) =>
        _allowed = [.. allowPrivateNetworks ? PrivateNetworks : [], .. (allowedNetworks ?? []).Select(IPNetwork.Parse)];

    /// <summary>Whether a webhook may be sent to this address.</summary>
    public bool Allows(IPAddress address) => Array.Exists(_allowed, n => n.Contains(address)) || IsGlobalUnicast(address);

    /// <summary>Whether the whole internet would reach one host under this address.</summary>
    public static bool IsGlobalUnicast(IPAddress address) =>
        (address.AddressFamily == AddressFamily.InterNetwork || (!address.IsIPv4MappedToIPv6 && GlobalIPv6.Contains(address)))
        && !Array.Exists(NotGlobal, n => n.Contains(address));
}
