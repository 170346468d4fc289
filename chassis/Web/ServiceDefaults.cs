using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using Chassis.Data;
using Chassis.Redis;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Chassis.Web;

/// <summary>Everything that a service has in common with its neighbours.</summary>
public static class ServiceDefaults
{
    private const string SecretsDirectory = "/run/secrets";

    /// <summary>How request and response bodies are written and read: strict, camelCase, enums by name.</summary>
    public static void ConfigureJson(JsonSerializerOptions json)
    {
        json.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
        json.NumberHandling = JsonNumberHandling.Strict;
        json.PropertyNameCaseInsensitive = false;
        json.AllowDuplicateProperties = false;
        json.RespectNullableAnnotations = true;
        json.RespectRequiredConstructorParameters = true;
        json.MaxDepth = 32;
        json.Converters.Add(new TextConverter());
        json.Converters.Add(new UtcTimeConverter());
        json.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false));
    }

    /// <summary>JSON, problem documents, authentication, limits, health, OpenAPI, telemetry and logs. Call it first.</summary>
    public static WebApplicationBuilder AddServiceDefaults(this WebApplicationBuilder builder, string serviceName)
    {
        // What a service writes is the same whatever the machine speaks.
        CultureInfo.CurrentCulture = CultureInfo.CurrentUICulture = CultureInfo.InvariantCulture;
        CultureInfo.DefaultThreadCurrentCulture = CultureInfo.DefaultThreadCurrentUICulture = CultureInfo.InvariantCulture;
        if (Directory.Exists(SecretsDirectory))
        {
            builder.Configuration.AddKeyPerFile(SecretsDirectory, optional: true);
        }

        var identity = new ServiceIdentity(serviceName, Assembly.GetEntryAssembly()?.GetName().Version?.ToString(3) ?? "0.0.0", Guid.NewGuid());
        var services = builder.Services;
        services.AddSingleton(identity);
        services.TryAddSingleton(TimeProvider.System);
        services.Configure<JsonOptions>(o => ConfigureJson(o.SerializerOptions));
        services.Configure<RouteHandlerOptions>(o => o.ThrowOnBadRequest = true);
        services.Configure<HostOptions>(o =>
        {
            o.ShutdownTimeout = TimeSpan.FromSeconds(20);
            // A service without one of its loops is deaf and looks well: it ends, and is left to its supervisor. What may pass, the loops themselves wait for.
            o.BackgroundServiceExceptionBehavior = BackgroundServiceExceptionBehavior.StopHost;
        });
        builder.WebHost.ConfigureKestrel(Edges.Configure);
        services.AddSettings<CertificateSettings>(CertificateSettings.Section);
        services.AddRequestTimeouts(o => o.DefaultPolicy = new RequestTimeoutPolicy
        {
            Timeout = Edges.RequestTimeout,
            TimeoutStatusCode = StatusCodes.Status503ServiceUnavailable,
        });
        services.AddSettings<RateLimitSettings>(RateLimitSettings.Section);
        builder.AddRedis();
        services.AddRateLimiter(_ => { }).AddOptions<RateLimiterOptions>()
            .Configure<IOptions<RateLimitSettings>, TimeProvider, IServiceProvider>(RateLimiting.Configure);

        Proxies.Add(services);
        AddAuthentication(services);
        AddCors(builder);
        AddLogging(builder, identity);
        ServiceTelemetry.Add(builder, identity);
        services.AddHealthChecks();
        OpenApiDescription.Add(services, serviceName);
        return builder;
    }

    /// <summary>The pipeline, and the endpoints that every service has. Call it before mapping the service's own.</summary>
    public static WebApplication UseServiceDefaults(this WebApplication app)
    {
        if (app.Services.GetService<IAuditedCommit>() is UnauditedCommit)
        {
            throw new InvalidOperationException("What operators change over HTTP would leave no trace: call AddDatabase, and not AddPostgres alone.");
        }

        RuntimeFloor.Check(app.Logger, Environment.Version);
        MetricsEndpoint.Use(app);
        Proxies.Use(app);
        app.UseMiddleware<SecurityHeaders>();
        app.UseMiddleware<CorrelationMiddleware>();
        app.UseMiddleware<HeadRequests>();
        app.UseMiddleware<ProblemMiddleware>();
        app.Use(ApiReference.RewriteAsync);
        app.UseRouting();
        app.Use(ApiReference.LeadFromRootAsync);
        app.UseRequestTimeouts();
        if (AllowedOrigins(app.Configuration).Length > 0)
        {
            app.UseCors();
        }

        // Limits are counted by caller, so that they come after it is known who that is; where that does not matter they come first, before anybody has caused
        // any work.
        app.UseWhen(BearerIsIgnored.By, early =>
        {
            UseLimits(early);
            early.Use(RequestDoor.CheckFormAsync);
        });
        app.UseAuthentication();
        app.UseWhen(context => !BearerIsIgnored.By(context), UseLimits);
        app.Use(PresentedCredentials.RefuseAsync);
        if (app.Services.GetService<AuditTrail>() is not null)
        {
            app.UseMiddleware<AuditMiddleware>();
            AuditEndpoints.Map(app);
        }

        app.UseAuthorization();
        app.UseMiddleware<RequestContextMiddleware>();
        app.Use(RequestDoor.CheckAsync);
        app.Use(QueryBounds.CheckAsync);

        app.MapHealthChecks("/health/live", new HealthCheckOptions { Predicate = _ => false, ResponseWriter = HealthAnswer.WriteAsync })
            .AllowAnonymous().IgnoreBearer().DisableRateLimiting().DisableHttpMetrics();
        app.MapHealthChecks("/health/ready", new HealthCheckOptions { ResponseWriter = HealthAnswer.WriteAsync })
            .AllowAnonymous().IgnoreBearer().DisableRateLimiting().DisableHttpMetrics();
        app.MapOpenApi("/openapi/{documentName}.json").AllowAnonymous();
        ApiReference.Map(app, app.Services.GetRequiredService<ServiceIdentity>());
        return app;
    }

    private static void UseLimits(IApplicationBuilder app)
    {
        app.UseRateLimiter();
        app.Use(RateLimiting.AnnounceAsync);
        app.UseMiddleware<ConcurrencyLimit>();
    }

    private static void AddAuthentication(IServiceCollection services)
    {
        services.AddSettings<AuthenticationSettings>(AuthenticationSettings.Section);
        services.AddHttpClient(IssuerKeys.ClientName, client =>
        {
            client.Timeout = TimeSpan.FromSeconds(5);
            client.MaxResponseContentBufferSize = 256 * 1024;
        }).ConfigurePrimaryHttpMessageHandler(
            () => new SocketsHttpHandler { AllowAutoRedirect = false });   // whose keys count is said by the settings, not by whoever answers
        services.TryAddSingleton<ISigningKeySource, IssuerKeys>();
        services.AddSingleton<TokenValidator>();
        services.AddSingleton<EndedSessions>();
        services.AddSingleton<ISessionStatus>(provider => provider.GetRequiredService<EndedSessions>());
        services.AddHttpContextAccessor();
        services.AddScoped<Caller>();
        services.AddAuthentication(TokenValidator.Scheme).AddScheme<AuthenticationSchemeOptions, BearerHandler>(TokenValidator.Scheme, null);
        services.AddAuthorization(Policies.Configure);
    }

    private static void AddCors(IHostApplicationBuilder builder)
    {
        if (AllowedOrigins(builder.Configuration) is { Length: > 0 } origins)
        {
            builder.Services.AddCors(cors => cors.AddDefaultPolicy(policy => policy.WithOrigins(origins).AllowAnyMethod().AllowAnyHeader()
                .WithExposedHeaders(
                    "ETag", "Location", "Retry-After", CorrelationMiddleware.Header, CorrelationMiddleware.TraceHeader, Idempotency.ReplayedHeader)));
        }
    }

    private static string[] AllowedOrigins(IConfiguration configuration) => configuration.GetSection("Cors:Origins").Get<string[]>() ?? [];

    private static void AddLogging(IHostApplicationBuilder builder, ServiceIdentity identity)
    {
        builder.Logging.ClearProviders();
        builder.Logging.AddConsole(o => o.FormatterName = ServiceConsole.FormatterName).AddConsoleFormatter<ServiceConsole, ServiceConsoleOptions>(o =>
        {
            o.Json = builder.Configuration.GetValue("Logging:Json", !builder.Environment.IsDevelopment());
            o.Service = identity.Name;
        });

        // The framework's own request lines carry query strings, and those carry names and addresses.
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        builder.Logging.AddFilter("System.Net.Http", LogLevel.Warning);
        builder.Logging.AddFilter("Microsoft.EntityFrameworkCore", LogLevel.Warning);

        // A failed statement is an exception, and an exception is logged once, by whoever handles it.
        builder.Logging.AddFilter("Microsoft.EntityFrameworkCore.Database.Command", LogLevel.Critical);
        builder.Logging.AddFilter("Microsoft.EntityFrameworkCore.Update", LogLevel.Critical);
        builder.Logging.AddFilter("Polly", LogLevel.Warning);
    }
}
