using System.ComponentModel.DataAnnotations;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using IPNetwork = System.Net.IPNetwork;

namespace Chassis.Web;

/// <summary>Whose word about where a request came from is taken. Section <c>Proxy</c>.</summary>
public sealed class ProxySettings : IValidatableObject
{
    public const string Section = "Proxy";

    /// <summary>Networks of the proxies in front of the service, such as <c>10.0.0.0/8, 192.168.1.7</c>; empty when there are none.</summary>
    public string Trusted { get; init; } = "";

    /// <summary>How many of them a request passes.</summary>
    [Range(1, 10)]
    public int Hops { get; init; } = 1;

    internal IReadOnlyList<IPNetwork> Networks => [.. Entries.Select(Parse).OfType<IPNetwork>()];

    private IEnumerable<string> Entries => Trusted.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext) => Entries.Where(e => Parse(e) is null)
        .Select(e => new ValidationResult($"'{e}' is no address and no network such as 10.0.0.0/8.", [nameof(Trusted)]));

    private static IPNetwork? Parse(string entry) => IPNetwork.TryParse(entry, out var network) ? network
        : IPAddress.TryParse(entry, out var address) ? new IPNetwork(address, address.GetAddressBytes().Length * 8)
        : null;
}

internal static partial class Proxies
{
    private static readonly TimeSpan BetweenWarnings = TimeSpan.FromMinutes(1);

    public static void Add(IServiceCollection services) => services.AddSettings<ProxySettings>(ProxySettings.Section).Validate<IConfiguration>(
        (_, configuration) => !configuration.GetValue<bool>("FORWARDEDHEADERS_ENABLED"),
        "ASPNETCORE_FORWARDEDHEADERS_ENABLED believes whoever calls. Name your proxies in Proxy__Trusted instead.");

    /// <summary>Address and scheme of the client as a trusted proxy tells them; whoever else tells some is not believed, and that is logged.</summary>
    public static void Use(WebApplication app)
    {
        var settings = app.Services.GetRequiredService<IOptions<ProxySettings>>().Value;
        if (settings.Networks.Count > 0)
        {
            app.UseForwardedHeaders(Options(settings));
        }

        app.Use(new Stranger(app.Services.GetRequiredService<ILogger<Stranger>>(), app.Services.GetRequiredService<TimeProvider>()).LookAsync);
    }

    private static ForwardedHeadersOptions Options(ProxySettings settings)
    {
        var options = new ForwardedHeadersOptions
        {
            ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto, ForwardLimit = settings.Hops,
        };
        options.KnownProxies.Clear();
        options.KnownIPNetworks.Clear();
        foreach (var network in settings.Networks)
        {
            options.KnownIPNetworks.Add(network);
        }

        return options;
    }

    // What is left of the header after the trusted hops were taken off.
    private sealed partial class Stranger(ILogger<Stranger> logger, TimeProvider clock)
    {
        private long _warned = -1;

        public Task LookAsync(HttpContext context, RequestDelegate next)
        {
            if (context.Request.Headers.ContainsKey("X-Forwarded-For") && MayWarn())
            {
                LogStranger(logger, Network(context.Connection.RemoteIpAddress));
            }

            return next(context);
        }

        // A proxy of one's own is recognized by it; an address that is somebody's stands in no log.
        private static IPNetwork? Network(IPAddress? address)
        {
            address = address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4() : address;
            return address is null ? null : new IPNetwork(address, address.AddressFamily == AddressFamily.InterNetwork ? 24 : 48);
        }

        private bool MayWarn()
        {
            var (last, now) = (Interlocked.Read(ref _warned), clock.GetTimestamp());
            return (last < 0 || clock.GetElapsedTime(last, now) > BetweenWarnings) && Interlocked.CompareExchange(ref _warned, now, last) == last;
        }

        [LoggerMessage(1302, LogLevel.Warning, "X-Forwarded-For from {Network}, which is not in Proxy__Trusted, is not believed.",
            EventName = "proxy.stranger")]
        private static partial void LogStranger(ILogger logger, IPNetwork? network);
    }
}
