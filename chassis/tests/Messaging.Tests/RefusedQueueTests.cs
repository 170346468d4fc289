using Chassis.Testing;
using Messaging.CrashHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using RabbitMQ.Client;

namespace Messaging.Tests;

/// <summary>
/// A queue that an earlier version has declared with other arguments keeps a service from being ready, and the service says so in the broker's words.
/// </summary>
public sealed class RefusedQueueTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(WorkQueues.Commands)]
    [InlineData("work.dead-letters")]
    public async Task Health_carries_the_brokers_reason_until_the_queue_is_gone(string queue)
    {
        await using var channel = await fixture.OpenChannelAsync();
        await channel.QueueDeleteAsync(queue, cancellationToken: Token);
        await channel.QueueDeclareAsync(
            queue,
            durable: true,
            exclusive: false,
            autoDelete: false,
            new Dictionary<string, object?> { ["x-queue-type"] = "quorum", ["x-overflow"] = "reject-publish" },
            cancellationToken: Token);
        using var host = WorkHost.Build(fixture.Database.Migrations, fixture.Vhost.Uri, bus => bus.AddWork());
        await host.StartAsync(Token);
        try
        {
            var health = host.Services.GetRequiredService<HealthCheckService>();
            var report = await Poll.UntilAsync(
                async () => (await health.CheckHealthAsync(Token)).Entries["queues"], e => e.Status == HealthStatus.Unhealthy, "the refusal to be seen");
            report.Description.ShouldNotBeNull().ShouldContain("inequivalent arg 'x-overflow'");
            report.Description.ShouldContain($"'{queue}'");

            await channel.QueueDeleteAsync(queue, cancellationToken: Token);
            await host.Services.UntilReadyAsync();
        }
        finally
        {
            await host.StopAsync(Token);
        }
    }
}
