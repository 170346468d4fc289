using System.Net;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.ServiceDiscovery;

namespace Gateway;

/// <summary>
/// A name stands for all addresses that the name server has for it, asked again and again. While it knows none, or does not answer, the name itself stays.
/// </summary>
internal sealed class Replicas(IOptions<GatewayOptions> options, TimeProvider clock) : IDestinationResolver
{
    public async ValueTask<ResolvedDestinationCollection> ResolveDestinationsAsync(
        IReadOnlyDictionary<string, DestinationConfig> destinations, CancellationToken cancellationToken)
    {
        var found = new Dictionary<string, DestinationConfig>();
        var again = false;
        foreach (var (name, destination) in destinations)
        {
            var address = new Uri(destination.Address);
            if (address.HostNameType != UriHostNameType.Dns)
            {
                found[name] = destination;
                continue;
            }

            again = true;
            foreach (var each in await AddressesAsync(address, cancellationToken))
            {
                found[each.Authority] = new DestinationConfig { Address = each.AbsoluteUri, Host = address.Authority };
            }
        }

        return new ResolvedDestinationCollection(found, again ? Later() : null);
    }

    private static async Task<IEnumerable<Uri>> AddressesAsync(Uri named, CancellationToken ct)
    {
        try
        {
            var addresses = await Dns.GetHostAddressesAsync(named.Host, ct);
            return addresses.Length == 0 ? [named] : addresses.Select(a => new UriBuilder(named) { Host = a.ToString() }.Uri);
        }
        catch (System.Net.Sockets.SocketException)
        {
            return [named];
        }
    }

    private CancellationChangeToken Later() => new(new CancellationTokenSource(options.Value.ResolveInterval, clock).Token);
}
