using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Notifications.Webhooks;

/// <summary>Finds the addresses of a host; a port for tests, which answer as a hostile name server would.</summary>
public interface IHostResolver
{
    Task<IPAddress[]> ResolveAsync(string host, CancellationToken ct);
}

public sealed class SystemHostResolver : IHostResolver
{
    public Task<IPAddress[]> ResolveAsync(string host, CancellationToken ct) => Dns.GetHostAddressesAsync(host, ct);
}

/// <summary>The name led only to addresses that must not be dialled.</summary>
internal sealed class AddressRefusedException() : IOException("The host has no public address.");

/// <summary>Opens connections to addresses that the rules allow, and to no other, whatever the name server says from one moment to the next.</summary>
public sealed class GuardedConnect(IHostResolver resolver, AddressRules rules)
{
    /// <summary>The address that was checked is the address that is dialled: the name is not looked up a second time.</summary>
    public async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken ct)
    {
        var endpoint = context.DnsEndPoint;
        var addresses = Array.FindAll(await resolver.ResolveAsync(endpoint.Host, ct), rules.Allows);
        if (addresses.Length == 0)
        {
            throw new AddressRefusedException();
        }

        Exception? failure = null;
        foreach (var address in addresses)
        {
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(new IPEndPoint(address, endpoint.Port), ct);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (SocketException e)
            {
                failure = e;
                socket.Dispose();
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }

        throw failure!;
    }

    /// <summary>A handler that goes nowhere else: no proxy, no redirects, no cookies, no credentials, no decompression, small headers.</summary>
    public SocketsHttpHandler CreateHandler(WebhookOptions options) => new()
    {
        ConnectCallback = ConnectAsync,
        UseProxy = false,
        AllowAutoRedirect = false,
        UseCookies = false,
        PreAuthenticate = false,
        AutomaticDecompression = DecompressionMethods.None,
        ActivityHeadersPropagator = DistributedContextPropagator.CreateW3CPropagator(),
        ConnectTimeout = options.Timeout,
        MaxResponseHeadersLength = 16,
        MaxResponseDrainSize = 16 * 1024,
        ResponseDrainTimeout = TimeSpan.FromSeconds(1),
        PooledConnectionLifetime = TimeSpan.FromMinutes(2),
        PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30),
    };
}
