using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway;

/// <summary>The connections to the replicas.</summary>
internal sealed class Connections(IOptions<GatewayOptions> options, ILogger<ForwarderHttpClientFactory> logger) : ForwarderHttpClientFactory(logger)
{
    // Shorter than a replica keeps one that has nothing to do: one that is just being closed would lose a request.
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(60);

    protected override void ConfigureHandler(ForwarderHttpClientContext context, SocketsHttpHandler handler)
    {
        base.ConfigureHandler(context, handler);
        handler.ConnectTimeout = options.Value.ConnectTimeout;
        handler.PooledConnectionIdleTimeout = Idle;
        handler.UseProxy = false;
        handler.MaxResponseHeadersLength = 64;
        var addresses = options.Value.Services.GetValueOrDefault(context.ClusterId)?.Addresses ?? [];
        string[] names = [.. addresses.Select(a => a.Host).Distinct()];
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, errors) => IsOneOf(names, certificate, errors);
    }

    protected override HttpMessageHandler WrapHandler(ForwarderHttpClientContext context, HttpMessageHandler handler) =>
        new NeverTwice { InnerHandler = base.WrapHandler(context, handler) };

    // The host of a request is the one that the caller knows, and the address of a replica is whatever its name stands for: its certificate has the name of the
    // settings.
    internal static bool IsOneOf(string[] names, X509Certificate? certificate, SslPolicyErrors errors) =>
        (errors & ~SslPolicyErrors.RemoteCertificateNameMismatch) == SslPolicyErrors.None
        && certificate is X509Certificate2 known && names.Any(n => known.MatchesHostname(n));

    /// <summary>
    /// .NET sends a request without a body again by itself when a connection that was used before is closed without an answer, whatever its method. With a
    /// body, even an empty one, it does not.
    /// </summary>
    private sealed class NeverTwice : DelegatingHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (request.Method != HttpMethod.Get && request.Method != HttpMethod.Head && request.Method != HttpMethod.Options)
            {
                request.Content ??= new ByteArrayContent([]);
            }

            return base.SendAsync(request, cancellationToken);
        }
    }
}
