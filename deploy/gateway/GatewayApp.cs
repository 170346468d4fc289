using System.Net.Security;
using System.Security.Authentication;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.ServiceDiscovery;
using Yarp.ReverseProxy.Transforms;

namespace Gateway;

/// <summary>
/// One address for all replicas of a service: it listens on a port for each, and passes on what comes there to a replica that is well. <c>/health</c> of its own
/// is at <c>ASPNETCORE_URLS</c>.
/// </summary>
public static class GatewayApp
{
    // What takes longer is cut; less than the 30 s after which a container engine kills.
    private static readonly TimeSpan LongestDrain = TimeSpan.FromSeconds(25);

    /// <exception cref="OptionsValidationException">A setting is wrong; it says which.</exception>
    public static WebApplication Build(string[] args, Action<WebApplicationBuilder>? configure = null)
    {
        var builder = WebApplication.CreateSlimBuilder(args);
        configure?.Invoke(builder);
        var services = builder.Services;
        services.AddOptions<GatewayOptions>().BindConfiguration(GatewayOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        services.Configure<HostOptions>(o => o.ShutdownTimeout = LongestDrain);
        services.AddSingleton(TimeProvider.System);
        var options = builder.Configuration.GetSection(GatewayOptions.Section).Get<GatewayOptions>() ?? new GatewayOptions();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(k => Limit(k, options));
        // Not in appsettings.json, which would win over ASPNETCORE_URLS.
        builder.WebHost.UseUrls([.. Own(builder.Configuration), .. options.Services.Values.Select(s => s.Listen)]);

        // Where a request goes is nobody's business but its caller's: addresses carry ids, and queries names.
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning).AddFilter("Yarp", LogLevel.Error);
        services.AddReverseProxy().LoadFromMemory(Behind.Routes, Behind.Clusters(options)).AddTransforms(Tell);
        services.AddSingleton<IPassiveHealthCheckPolicy, FirstFailure>();
        services.AddSingleton<IForwarderHttpClientFactory, Connections>();
        services.AddSingleton<IDestinationResolver, Replicas>();

        var app = builder.Build();
        app.Services.GetRequiredService<IStartupValidator>().Validate();
        Use(app, options);
        return app;
    }

    private static void Use(WebApplication app, GatewayOptions options)
    {
        if (options.Networks.Count > 0)
        {
            app.UseForwardedHeaders(Believe(options));
        }

        var services = options.Services.ToDictionary(s => s.Value.Port!.Value, s => s.Key);
        app.MapWhen(context => !services.ContainsKey(context.Connection.LocalPort), Health.Use);
        app.UseMiddleware<Patience>();
        app.UseRouting();
        app.MapReverseProxy(pipeline =>
        {
            pipeline.Use((context, next) => ToItsServiceAsync(context, next, services));
            pipeline.Use(SecondChance.GiveAsync);
            pipeline.UseLoadBalancing();
            pipeline.UsePassiveHealthChecks();
        });
    }

    private static Task ToItsServiceAsync(HttpContext context, RequestDelegate next, Dictionary<int, string> services)
    {
        if (context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize is { } limit
            && context.Request.ContentLength > limit)
        {
            return Problem.WriteAsync(context, Problem.TooLarge);
        }

        var known = context.RequestServices.GetRequiredService<IProxyStateLookup>().TryGetCluster(services[context.Connection.LocalPort], out var cluster);
        if (!known)
        {
            return Problem.WriteAsync(context, Problem.NobodyThere);
        }

        context.ReassignProxyRequest(cluster!);
        return next(context);
    }

    /// <summary>What a replica hears of the caller: what the gateway has seen itself, and nothing that the caller says of it.</summary>
    private static void Tell(Yarp.ReverseProxy.Transforms.Builder.TransformBuilderContext context) => context
        .AddOriginalHost()
        .AddXForwarded(ForwardedTransformActions.Set)
        .AddRequestHeaderRemove("Forwarded")
        .AddResponseTransform(Patience.LetStreamsRunAsync);

    private static ForwardedHeadersOptions Believe(GatewayOptions options)
    {
        var believed = new ForwardedHeadersOptions
        {
            ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto | ForwardedHeaders.XForwardedHost, ForwardLimit = options.Hops,
        };
        believed.KnownProxies.Clear();
        believed.KnownIPNetworks.Clear();
        foreach (var network in options.Networks)
        {
            believed.KnownIPNetworks.Add(network);
        }

        return believed;
    }

    private static string[] Own(ConfigurationManager configuration) => (configuration["urls"] ?? "http://127.0.0.1:8080").Split(';');

    // As those behind it have them, and no closer.
    private static void Limit(KestrelServerOptions kestrel, GatewayOptions options)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = options.MaxBodySize;
        kestrel.Limits.MaxRequestHeadersTotalSize = 32 * 1024;
        kestrel.Limits.MaxRequestHeaderCount = 64;
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
        kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(130);
        kestrel.Limits.MaxConcurrentConnections = options.MaxConnections;
        kestrel.ConfigureHttpsDefaults(https => https.SslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13);
    }
}
