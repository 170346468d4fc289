using Chassis.Messaging;
using Chassis.Messaging.DeadLetters;
using Chassis.Testing;
using MassTransit;
using Messaging.CrashHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Messaging.Tests;

/// <summary>A retry is nobody's: whoever is there goes on with it. So each test stops its service, which has other consumers than the next one's.</summary>
public sealed class RetryCrashTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_goes_on_after_the_process_that_was_at_it_is_killed_and_each_message_is_handled_once()
    {
        using var idle = Idle();
        var group = await fixture.Database.AddLettersAsync(300);
        var id = await StartAsync(idle, group, rate: 50);
        using (var victim = WorkProcess.Start(fixture))
        {
            await Poll.UntilAsync(() => CountAsync(id, "consumed"), n => n > 0, "the first outcome", Patience);
            await victim.KillAsync();
        }

        (await CountAsync(id, "waiting")).ShouldBeGreaterThan(0, "it was in the midst of it");
        using var first = WorkProcess.Start(fixture);
        using var second = WorkProcess.Start(fixture);
        await Poll.UntilAsync(() => CountAsync(id, "consumed"), n => n == 300, "the outcome of all", Patience);
        (await fixture.Database.ScalarAsync<long>(
            $"SELECT count(*) FROM effects e JOIN messaging.dead_letters d ON d.message_id = e.subject::text WHERE d.fingerprint = '{group}' AND e.note = 'done'"))
            .ShouldBe(300);
        await Poll.UntilAsync(() => StatusAsync(id), status => status == "done", "the end");
        (await fixture.Database.ScalarAsync<long>(
            $"SELECT count(*) FROM messaging.dead_letters WHERE fingerprint = '{group}' AND jsonb_array_length(history) = 1")).ShouldBe(300, "sent once each");
    }

    [Fact]
    public async Task What_a_consumer_with_a_transaction_of_its_own_has_handled_is_known_as_well()
    {
        var host = await fixture.StartAsync(bus => bus.AddConsumer<OwnConsumer>().Endpoint(e => e.Name = "work.own"));
        var group = await fixture.Database.AddLettersAsync(20, "work.own");
        var id = await StartAsync(host, group, rate: null);
        await Poll.UntilAsync(() => CountAsync(id, "consumed"), n => n == 20, "the outcome of all", Patience);
        OwnConsumer.Handled.ShouldBeGreaterThanOrEqualTo(20);
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task What_one_of_two_consumers_has_not_handled_is_not_consumed()
    {
        var host = await fixture.StartAsync(bus =>
        {
            bus.AddConsumer<Willing>().Endpoint(e => e.Name = "work.two");
            bus.AddConsumer<Unwilling>().Endpoint(e => e.Name = "work.two");
        });
        var group = await fixture.Database.AddLettersAsync(3, "work.two");
        var id = await StartAsync(host, group, rate: null);
        await Poll.UntilAsync(() => CountAsync(id, "failed"), n => n == 3, "all to fail", Patience);
        await Poll.UntilAsync(() => StatusAsync(id), status => status == "done", "the end");
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task What_nobody_takes_from_its_queue_stays_sent_and_the_retry_ends_when_its_patience_does()
    {
        var host = await fixture.StartAsync(settings: new Dictionary<string, string?> { ["Messaging:RetryPatience"] = "00:00:02" });
        await using var channel = await fixture.OpenChannelAsync();
        await channel.DeclareEndpointAsync("work.nobody");
        var group = await fixture.Database.AddLettersAsync(2, "work.nobody");
        var id = await StartAsync(host, group, rate: null);
        await Poll.UntilAsync(() => StatusAsync(id), status => status == "done", "the end", Patience);
        (await CountAsync(id, "sent")).ShouldBe(2, "that they left is no outcome");
        await host.StopAsync(Token);
    }

    // A replica that begins retries and goes on with none.
    private IHost Idle() => WorkHost.Build(fixture.Database.Migrations, fixture.Vhost.Uri);

    private static async Task<Guid> StartAsync(IHost host, string group, double? rate)
    {
        var order = new RetryOrder(new DeadLetterFilter(null, null, group, null, "open"), null, 1000, rate, StopOnSameFailure: true);
        return (await host.Services.GetRequiredService<Retries>().StartAsync(order, "somebody", Token)).Id;
    }

    private Task<long> CountAsync(Guid id, string outcome) =>
        fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM messaging.retried_messages WHERE retry_id = '{id}' AND outcome = '{outcome}'");

    private Task<string?> StatusAsync(Guid id) => fixture.Database.ScalarAsync<string?>($"SELECT status FROM messaging.retries WHERE id = '{id}'");

    [OwnTransaction]
    private sealed class OwnConsumer : IConsumer<DoWork>
    {
        private static int _handled;

        public static int Handled => _handled;

        public Task Consume(ConsumeContext<DoWork> context)
        {
            Interlocked.Increment(ref _handled);
            return Task.CompletedTask;
        }
    }

    private sealed class Willing : IConsumer<DoWork>
    {
        public Task Consume(ConsumeContext<DoWork> context) => Task.CompletedTask;
    }

    private sealed class Unwilling : IConsumer<DoWork>
    {
        public Task Consume(ConsumeContext<DoWork> context) => throw new InvalidOperationException("Not this one.");
    }
}
