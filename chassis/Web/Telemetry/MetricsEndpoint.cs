using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;

namespace Chassis.Web;

internal sealed record MetricsSettings : IValidatableObject
{
    public const string Section = "Metrics";

    /// <summary>
    /// Where Prometheus finds <c>/metrics</c>, and nobody finds anything else: scheme, address and a port of its own, for example <c>http://127.0.0.1:9464</c>;
    /// null or empty: nowhere.
    /// </summary>
    public string? Url { get; init; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext) =>
        string.IsNullOrEmpty(Url) || PortOf(Url) is not null ? [] : [new ValidationResult("has to be like http://127.0.0.1:9464.", [nameof(Url)])];

    public static int? PortOf(string url)
    {
        try
        {
            return BindingAddress.Parse(url) is { Port: > 0, PathBase: "" } address ? address.Port : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }
}

/// <summary>The service's figures in Prometheus' format, on a port that is not the public one.</summary>
internal static class MetricsEndpoint
{
    private const string Setting = $"{MetricsSettings.Section}:{nameof(MetricsSettings.Url)}";

    public static bool IsWanted(IConfiguration configuration) => !string.IsNullOrEmpty(configuration[Setting]);

    /// <summary>Has the server listen there as well.</summary>
    public static void Listen(WebApplicationBuilder builder)
    {
        if (IsWanted(builder.Configuration))
        {
            var others = builder.Configuration["urls"] ?? $"http://*:{builder.Configuration["http_ports"] ?? "8080"}";
            builder.WebHost.UseUrls([.. others.Split(';'), builder.Configuration[Setting]!]);
        }
    }

    /// <summary>What comes in there is answered here; a request is asked for its own port, which no header of it can change.</summary>
    public static void Use(WebApplication app)
    {
        if (IsWanted(app.Configuration) && MetricsSettings.PortOf(app.Configuration[Setting]!) is { } port)
        {
            app.MapWhen(context => context.Connection.LocalPort == port, metrics =>
            {
                metrics.Use((context, next) =>
                {
                    // A scrape is no request of anybody's.
                    if (context.Features.Get<IHttpMetricsTagsFeature>() is { } tags)
                    {
                        tags.MetricsDisabled = true;
                    }

                    return next(context);
                });
                metrics.UseOpenTelemetryPrometheusScrapingEndpoint();
                metrics.Run(context =>
                {
                    context.Response.StatusCode = StatusCodes.Status404NotFound;
                    return Task.CompletedTask;
                });
            });
        }
    }
}
