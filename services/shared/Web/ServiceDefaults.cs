using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Chassis.Web;

/// <summary>Name and version of the running service.</summary>
/// <param name="Name">For example <c>orders</c>.</param>
/// <param name="Version">Version of the entry assembly.</param>
/// <param name="InstanceId">Random id of this process.</param>
public sealed record ServiceIdentity(string Name, string Version, Guid InstanceId);

/// <summary>Everything that a service has in common with its neighbours.</summary>
public static class ServiceDefaults
{
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
        json.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false));
    }

    public static WebApplicationBuilder AddServiceDefaults(this WebApplicationBuilder builder, string serviceName)
    {
        if (Directory.Exists("/run/secrets"))
        {
            builder.Configuration.AddKeyPerFile("/run/secrets", optional: true);
        }

        var services = builder.Services;
        services.AddSingleton(new ServiceIdentity(
            serviceName, Assembly.GetEntryAssembly()?.GetName().Version?.ToString(3) ?? "0.0.0", Guid.NewGuid()));
        services.TryAddSingleton(TimeProvider.System);
        services.Configure<JsonOptions>(o => ConfigureJson(o.SerializerOptions));
        services.Configure<RouteHandlerOptions>(o => o.ThrowOnBadRequest = true);
        services.AddHttpContextAccessor();
        services.AddScoped<Caller>();
        services.AddAuthorization(Policies.Configure);
        services.AddHealthChecks();
        services.AddOpenApi("v1");
        return builder;
    }

    public static WebApplication UseServiceDefaults(this WebApplication app)
    {
        app.MapHealthChecks("/health/live", new HealthCheckOptions { Predicate = _ => false }).AllowAnonymous();
        app.MapHealthChecks("/health/ready").AllowAnonymous();
        app.MapOpenApi("/openapi/{documentName}.json").AllowAnonymous();
        return app;
    }
}
