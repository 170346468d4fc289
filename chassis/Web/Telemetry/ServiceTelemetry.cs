using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;
using OpenTelemetry;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Chassis.Web;

/// <summary>
/// Traces, metrics and logs over OTLP when <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> is set, metrics for Prometheus when <c>Metrics:Url</c> is, and without either
/// nothing. Our own sources and meters are named <c>Chassis.*</c>, or after the service.
/// </summary>
internal static class ServiceTelemetry
{
    private static readonly MetricStreamConfiguration LabelsOfClients = new()
    {
        TagKeys = ["http.request.method", "http.response.status_code", "http.connection.state", "error.type"],
    };

    public static void Add(WebApplicationBuilder builder, ServiceIdentity identity)
    {
        builder.Services.AddSettings<MetricsSettings>(MetricsSettings.Section);
        MetricsEndpoint.Listen(builder);
        var isExported = !string.IsNullOrEmpty(builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]);
        var isScraped = MetricsEndpoint.IsWanted(builder.Configuration);
        if (!isExported && !isScraped)
        {
            return;
        }

        builder.Services.AddSingleton<IHealthCheckPublisher, HealthMetrics>();
        builder.Services.Configure<HealthCheckPublisherOptions>(health => health.Period = TimeSpan.FromSeconds(10));
        var telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource
                .AddService(identity.Name, serviceNamespace: "shop", identity.Version, autoGenerateServiceInstanceId: false, identity.InstanceId.ToString()))
            .WithMetrics(metrics => AddMetrics(metrics, identity, isScraped));
        if (isExported)
        {
            telemetry.WithTracing(traces => traces
                    .AddAspNetCoreInstrumentation(http => http.Filter = IsOfSomebody)
                    .AddHttpClientInstrumentation()
                    .AddNpgsql()
                    .AddProcessor<StatementsOfNobody>()
                    .AddSource("Chassis.*", identity.Name))
                .WithLogging(log => log.AddProcessor(new OperationOfLogRecords()), logs => (logs.IncludeFormattedMessage, logs.IncludeScopes) = (true, true))
                .UseOtlpExporter();
        }
    }

    /// <summary>Probes and scrapes come every few seconds and belong to nobody's work.</summary>
    private static bool IsOfSomebody(HttpContext context) =>
        !context.Request.Path.StartsWithSegments("/health") && !context.Request.Path.StartsWithSegments("/metrics");

    private static void AddMetrics(MeterProviderBuilder metrics, ServiceIdentity identity, bool isScraped)
    {
        metrics.AddAspNetCoreInstrumentation()
            .AddHttpClientInstrumentation()
            .AddRuntimeInstrumentation()
            .AddNpgsqlInstrumentation()
            .AddMeter("Chassis.*", identity.Name)
            // Hosts that customers name, in webhooks, would each make a series.
            .AddView(instrument => instrument.Meter.Name is "System.Net.Http" or "System.Net.NameResolution" ? LabelsOfClients : null);
        if (isScraped)
        {
            metrics.AddPrometheusExporter();
        }
    }
}
