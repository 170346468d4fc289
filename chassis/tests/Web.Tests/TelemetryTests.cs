using System.Diagnostics;
using Chassis;
using Chassis.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Trace;

namespace Web.Tests;

/// <summary>How many traces are kept, the standard variables of OpenTelemetry's SDKs say.</summary>
public sealed class TelemetryTests
{
    [Theory]
    [InlineData(null, null, true, true, false)]
    [InlineData("always_off", null, false, false, false)]
    [InlineData("traceidratio", "0", false, false, false)]
    [InlineData("parentbased_traceidratio", "0", false, true, false)]
    [InlineData("parentbased_traceidratio", "1", true, true, false)]
    [InlineData("parentbased_always_off", null, false, true, false)]
    public async Task A_trace_is_kept_or_not_as_the_variables_and_whoever_began_it_say(
        string? sampler, string? argument, bool isKept, bool isKeptOfWhoIsKept, bool isKeptOfWhoIsNot)
    {
        var name = $"sample-{Guid.NewGuid():n}";
        var builder = WebApplication.CreateBuilder();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:9",
            ["OTEL_TRACES_SAMPLER"] = sampler,
            ["OTEL_TRACES_SAMPLER_ARG"] = argument,
        });
        ServiceTelemetry.Add(builder, new ServiceIdentity(name, "1.0.0", Guid.NewGuid()));
        await using var host = builder.Build();
        host.Services.GetRequiredService<TracerProvider>();
        using var source = new ActivitySource(name);

        IsKept(default).ShouldBe(isKept);
        IsKept(Parent(ActivityTraceFlags.Recorded)).ShouldBe(isKeptOfWhoIsKept);
        IsKept(Parent(ActivityTraceFlags.None)).ShouldBe(isKeptOfWhoIsNot);

        // Kept or not, it goes on, and whoever comes next hears what was decided.
        bool IsKept(ActivityContext parent)
        {
            using var span = source.StartActivity("work", ActivityKind.Server, parent).ShouldNotBeNull();
            (parent == default || span.TraceId == parent.TraceId).ShouldBeTrue();
            span.Id.ShouldEndWith(span.Recorded ? "-01" : "-00");
            return span.Recorded;
        }

        static ActivityContext Parent(ActivityTraceFlags flags) =>
            new(ActivityTraceId.CreateRandom(), ActivitySpanId.CreateRandom(), flags, isRemote: true);
    }
}
