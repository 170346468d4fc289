using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Chassis.Web;

/// <summary>
/// Traces, metrics and logs over OTLP when <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> is set. The framework, Npgsql and the broker's client have their own sources;
/// ours are named <c>Chassis.*</c>, or after the service.
/// </summary>
internal static class ServiceTelemetry
{
    public static readonly string[] Sources = ["Microsoft.AspNetCore", "System.Net.Http", "Npgsql", "RabbitMQ.Client.*", "Chassis.*", "Shop.*"];

    public static readonly string[] Meters =
        ["Microsoft.AspNetCore.*", "System.Net.Http", "System.Runtime", "Npgsql", "Chassis.*", "Shop.*"];

    public static bool IsConfigured(IConfiguration configuration) => !string.IsNullOrEmpty(configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]);

    public static ResourceBuilder Resource(ServiceIdentity identity) => ResourceBuilder.CreateEmpty()
        .AddService(identity.Name, serviceNamespace: "shop", identity.Version, autoGenerateServiceInstanceId: false, identity.InstanceId.ToString())
        .AddTelemetrySdk()
        .AddEnvironmentVariableDetector();

    public static void Add(IHostApplicationBuilder builder, ServiceIdentity identity)
    {
        // Without this the framework's request activities have no attributes.
        AppContext.SetSwitch("Microsoft.AspNetCore.Hosting.SuppressActivityOpenTelemetryData", false);
        if (!IsConfigured(builder.Configuration))
        {
            return;
        }

        builder.Services.AddHostedService<TelemetryPipeline>();
        builder.Logging.AddOpenTelemetry(logs =>
        {
            logs.SetResourceBuilder(Resource(identity));
            logs.IncludeFormattedMessage = true;
            logs.IncludeScopes = true;
            logs.AddOtlpExporter();
        });
    }
}

/// <summary>Owns the exporters: they start before the first request and flush after the last.</summary>
internal sealed class TelemetryPipeline(ServiceIdentity identity) : IHostedLifecycleService, IDisposable
{
    private TracerProvider? traces;
    private MeterProvider? metrics;

    public Task StartingAsync(CancellationToken cancellationToken)
    {
        var resource = ServiceTelemetry.Resource(identity);
        traces = Sdk.CreateTracerProviderBuilder().SetResourceBuilder(resource).AddSource([.. ServiceTelemetry.Sources, identity.Name]).AddOtlpExporter().Build();
        metrics = Sdk.CreateMeterProviderBuilder().SetResourceBuilder(resource).AddMeter([.. ServiceTelemetry.Meters, identity.Name]).AddOtlpExporter().Build();
        return Task.CompletedTask;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken)
    {
        traces?.ForceFlush(3000);
        metrics?.ForceFlush(3000);
        return Task.CompletedTask;
    }

    public void Dispose()
    {
        traces?.Dispose();
        metrics?.Dispose();
    }
}
