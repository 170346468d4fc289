using Chassis.Messaging.Endpoints;
using Chassis.Messaging.Relay;
using Chassis.Testing;
using MassTransit;
using Messaging.CrashHost;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;
using Npgsql;

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
        await Poll.Until(() => outsider.Count >= 50, "all events", TimeSpan.FromSeconds(40));
        await Poll.Until(fixture.OutboxRows, n => n == 0, "an empty outbox");
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

        await Poll.Until(fixture.OutboxRows, n => n == 0, "an empty outbox", TimeSpan.FromSeconds(40));
        await Poll.Until(() => Task.FromResult(outsider.Select(m => m.BasicProperties.MessageId).Distinct().Count()), n => n == 300, "all events at the outsider");
        await host.StopAsync(Token);
    }

    // A message that its handler cannot handle is tried eight times here, and is a dead letter then.
    [Theory]
    [InlineData("40001", 9)]
    [InlineData("40P01", 9)]
    [InlineData("53100", 5)]
    public async Task A_commit_that_the_database_refuses_for_a_while_says_nothing_of_the_message(string state, int times)
    {
        await using var refusal = await Refusal.PlantAsync(fixture.Database, "effects", state, times);
        await fixture.StartAsync(bus => bus.AddWork(), new Dictionary<string, string?> { ["Messaging:Redeliveries:0"] = "00:00:00.100" });
        await using var channel = await fixture.OpenChannelAsync();
        var subject = Guid.CreateVersion7();
        await channel.SendRawAsync(WorkQueues.Commands, subject, new DoWork(subject, 1));

        await Poll.Until(() => fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM effects WHERE subject = '{subject}' AND note = 'done'"), n => n == 1, "the message to be handled");
        (await refusal.CountAsync()).ShouldBeGreaterThan(times);
        (await fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM messaging.dead_letters WHERE message_id = '{subject}'")).ShouldBe(0);
    }

    [Fact]
    public async Task A_redelivery_that_could_not_be_written_down_is_no_dead_letter()
    {
        await fixture.StartAsync(bus => bus.AddWork(), new Dictionary<string, string?> { ["Messaging:Redeliveries:0"] = "00:00:00.100" });
        await using var channel = await fixture.OpenChannelAsync();
        var subject = Guid.CreateVersion7();
        Poison.Add(subject);
        await using var refusal = await Refusal.PlantAsync(fixture.Database, "messaging.outbox", "40001", times: 2);
        await channel.SendRawAsync(WorkQueues.Commands, subject, new DoWork(subject, 1));

        await Poll.Until(refusal.CountAsync, n => n > 2, "the redelivery to be written down after two refusals");
        var letters = $"FROM messaging.dead_letters WHERE message_id = '{subject}'";
        await Poll.Until(() => fixture.Database.ScalarAsync<long>($"SELECT count(*) {letters}"), n => n == 1, "the message to be given up after its redelivery");
        (await fixture.Database.ScalarAsync<string>($"SELECT exception_type {letters}")).ShouldBe(typeof(InvalidOperationException).FullName);
    }

    [Theory]
    [InlineData("40001", true, false)]
    [InlineData("55P03", true, false)]
    [InlineData("53100", true, true)]
    [InlineData("57P01", true, true)]
    [InlineData("08006", true, true)]
    [InlineData("25006", true, true)]
    [InlineData("22001", false, false)]
    [InlineData("23505", false, false)]
    [InlineData("57014", false, false)]
    public void What_the_database_says_is_about_the_message_or_about_the_database(string state, bool nothing, bool outage)
    {
        var refused = new AggregateException(new InvalidOperationException("The handler's."), new DbUpdateException("The save failed.", new PostgresException("refused", "ERROR", "ERROR", state)));
        DatabaseOutage.SaysNothingOfTheMessage(new InvalidOperationException("The redelivery's.", refused)).ShouldBe(nothing);
        DatabaseOutage.Is(refused).ShouldBe(outage);
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
        await Poll.Until(
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

    /// <summary>Every statement succeeds, and the commit does not: so many times, for whatever inserts into a table.</summary>
    private sealed class Refusal(TestDatabase database, string table) : IAsyncDisposable
    {
        public static async Task<Refusal> PlantAsync(TestDatabase database, string table, string state, int times)
        {
            await database.ExecuteAsync($"""
                CREATE SEQUENCE refusals;
                CREATE FUNCTION refuse() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS $$ BEGIN
                    IF nextval('public.refusals') <= {times} THEN RAISE EXCEPTION 'refused' USING ERRCODE = '{state}'; END IF;
                    RETURN NULL;
                END $$;
                CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
                """);
            return new Refusal(database, table);
        }

        /// <summary>How often somebody came to the end of a transaction; no rollback takes it back.</summary>
        public Task<long> CountAsync() => database.ScalarAsync<long>("SELECT last_value FROM refusals");

        public async ValueTask DisposeAsync() => await database.ExecuteAsync($"DROP TRIGGER refuse ON {table}; DROP FUNCTION refuse(); DROP SEQUENCE refusals");
    }
}
