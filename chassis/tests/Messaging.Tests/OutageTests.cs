using Chassis.Messaging.Queues;
using Chassis.Messaging.Relay;
using Chassis.Testing;
using MassTransit;
using Messaging.CrashHost;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Time.Testing;

namespace Messaging.Tests;

/// <summary>A service works while the broker is away; what it commits waits in the table, not in memory.</summary>
public sealed class OutageTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Without_a_broker_the_service_starts_and_commits_and_everything_leaves_when_the_broker_is_back()
    {
        await using var proxy = new TcpProxy(fixture.Vhost.Uri.Host, fixture.Vhost.Uri.Port);
        proxy.Set(LinkMode.Reset);
        var outsider = await fixture.ListenAsync("shop.events", "#", declare: true);
        var subject = Guid.CreateVersion7();
        using var host = WorkHost.Build(
            fixture.Database.Migrations,
            proxy.Through(fixture.Vhost.Uri),
            settings: new Dictionary<string, string?> { ["Messaging:Lease"] = "00:00:01", ["Messaging:MemoryRows"] = "10" });
        await host.StartAsync(Token);
        for (var i = 1; i <= 50; i++)
        {
            await host.InScope(async (scope, database) =>
            {
                await scope.PublishCancelled(subject, i);
                await database.SaveChangesAsync(Token);
            });
        }

        (await fixture.OutboxRows()).ShouldBe(50);
        host.Gauge("messaging.outbox.in_memory").ShouldNotBeNull().ShouldBeLessThanOrEqualTo(10);
        proxy.Set(LinkMode.Open);
        await Poll.UntilAsync(() => outsider.Count >= 50, "all events", TimeSpan.FromSeconds(40));
        await Poll.UntilAsync(fixture.OutboxRows, n => n == 0, "an empty outbox");
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task A_connection_that_breaks_again_and_again_loses_nothing()
    {
        await using var proxy = new TcpProxy(fixture.Vhost.Uri.Host, fixture.Vhost.Uri.Port);
        var outsider = await fixture.ListenAsync("shop.events", "#", declare: true);
        var subject = Guid.CreateVersion7();
        using var host = WorkHost.Build(
            fixture.Database.Migrations,
            proxy.Through(fixture.Vhost.Uri),
            settings: new Dictionary<string, string?> { ["Messaging:Lease"] = "00:00:02" });
        await host.StartAsync(Token);
        for (var i = 1; i <= 300; i++)
        {
            await host.InScope(async (scope, database) =>
            {
                await scope.PublishCancelled(subject, i);
                await database.SaveChangesAsync(Token);
            });
            if (i % 60 == 0)
            {
                proxy.Cut();
            }
        }

        await Poll.UntilAsync(fixture.OutboxRows, n => n == 0, "an empty outbox", TimeSpan.FromSeconds(40));
        await Poll.UntilAsync(
            () => Task.FromResult(outsider.Select(m => m.BasicProperties.MessageId).Distinct().Count()), n => n == 300, "all events at the outsider");
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task A_service_that_was_connected_stays_ready_while_the_broker_is_away()
    {
        await using var proxy = new TcpProxy(fixture.Vhost.Uri.Host, fixture.Vhost.Uri.Port);
        using var host = WorkHost.Build(fixture.Database.Migrations, proxy.Through(fixture.Vhost.Uri), bus => bus.AddWork());
        await host.StartAsync(Token);
        await host.Services.UntilReadyAsync();
        var health = host.Services.GetRequiredService<HealthCheckService>();

        proxy.Set(LinkMode.Reset);
        var seen = new HashSet<HealthStatus>();
        await Poll.UntilAsync(
            async () =>
            {
                var report = await health.CheckHealthAsync(Token);
                seen.Add(report.Status);
                return report.Entries.Values.Count(e => e.Status == HealthStatus.Degraded);
            },
            degraded => degraded >= 2,
            "the service and its bus to notice that the broker is away");
        seen.ShouldNotContain(HealthStatus.Unhealthy, "a load balancer would take every replica out, and nobody could place an order.");

        proxy.Set(LinkMode.Open);
        await host.Services.UntilReadyAsync();
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task A_service_whose_password_the_broker_refuses_says_so()
    {
        var wrong = new UriBuilder(fixture.Vhost.Uri) { Password = "not-the-password" }.Uri;
        using var host = WorkHost.Build(fixture.Database.Migrations, wrong, bus => bus.AddWork());
        var health = host.Services.GetRequiredService<HealthCheckService>();
        await host.StartAsync(Token);

        var broker = await Poll.UntilAsync(
            async () => (await health.CheckHealthAsync(Token)).Entries["broker"],
            entry => entry.Description?.Contains("password", StringComparison.Ordinal) == true,
            "the health of the broker to name the refusal");
        broker.Status.ShouldNotBe(HealthStatus.Healthy);
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task A_service_that_starts_without_a_broker_is_ready_after_a_while()
    {
        await using var proxy = new TcpProxy(fixture.Vhost.Uri.Host, fixture.Vhost.Uri.Port);
        proxy.Set(LinkMode.Reset);
        var clock = new FakeTimeProvider();
        using var host = WorkHost.Build(fixture.Database.Migrations, proxy.Through(fixture.Vhost.Uri), bus => bus.AddWork(), services: services => services
            .AddSingleton(new Subscriptions(clock))
            .AddSingleton(provider => new BrokerHealthCheck(provider.GetRequiredService<OutboxRelay>(), provider.GetRequiredService<IBusControl>(), clock)));
        var health = host.Services.GetRequiredService<HealthCheckService>();
        await host.StartAsync(Token);

        (await health.CheckHealthAsync(Token)).Status.ShouldBe(HealthStatus.Unhealthy, "its queues are not there yet.");
        clock.Advance(BrokerHealthCheck.Patience);
        (await health.CheckHealthAsync(Token)).Status.ShouldBe(HealthStatus.Degraded);
        await host.StopAsync(Token);
    }
}
