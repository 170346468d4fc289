using System.Net;
using System.Net.Sockets;

namespace Chassis.Web;

/// <summary>Whom an address stands for: of IPv6 a customer of a provider has a /64 at least, and as many addresses as they like in it.</summary>
public static class CallerNetwork
{
    /// <returns>The address of IPv4, the /64 of IPv6, or a dash when nobody knows.</returns>
    public static string Of(IPAddress? address)
    {
        address = address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4() : address;
        return address is { AddressFamily: AddressFamily.InterNetworkV6 }
            ? $"{Convert.ToHexString(address.GetAddressBytes().AsSpan(0, 8))}/64"
            : address?.ToString() ?? "-";
    }
}
