using Chassis.Testing;
using MassTransit;
using Messaging.CrashHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Messaging.Tests;

/// <summary>A process that has become deaf does not stay so.</summary>
public sealed class ConsumerGuardTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_service_whose_queues_nobody_reads_although_the_broker_is_there_ends()
    {
        var before = Environment.ExitCode;
        var host = await fixture.StartAsync(bus => bus.AddWork(), new Dictionary<string, string?> { ["Messaging:ConsumerPatience"] = "00:00:01" });
        var ending = host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        await Poll.Until(() => host.Gauge("messaging.endpoints.idle") == 0, "the guard to have seen every consumer");
        ending.IsCancellationRequested.ShouldBeFalse();

        // As the transport does when it has lost its way: the process lives, the broker is there, and nobody consumes.
        await host.Services.GetRequiredService<IBusControl>().StopAsync(Token);

        await Poll.Until(() => ending.IsCancellationRequested, "the service to end", TimeSpan.FromSeconds(30));
        Environment.ExitCode.ShouldBe(1);
        host.Gauge("messaging.endpoints.idle").ShouldBe(2);
        Environment.ExitCode = before;
    }
}
