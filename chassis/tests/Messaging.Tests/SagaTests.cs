using Chassis.Messaging;
using Chassis.Testing;
using MassTransit;
using Messaging.CrashHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Messaging.Tests;

/// <summary>Sagas live in the transaction of the message that moves them.</summary>
public sealed class SagaTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    // Milliseconds that no busy machine needs.
    private const int ALongWay = 3_600_000;

    // What is put back is tried again soon, however late the machine is with the rest.
    private static readonly Dictionary<string, string?> OftenAgain =
        Enumerable.Range(0, 200).ToDictionary(i => $"Messaging:Redeliveries:{i}", _ => (string?)"00:00:01");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(ConcurrencyMode.Pessimistic)]
    [InlineData(ConcurrencyMode.Optimistic)]
    public async Task Two_initial_events_at_once_make_one_saga_and_both_are_handled(ConcurrencyMode concurrency)
    {
        var host = await StartAsync(concurrency);
        Guid[] journeys = [.. Enumerable.Range(0, 10).Select(_ => Guid.CreateVersion7())];
        await Task.WhenAll(journeys.SelectMany(j => Enumerable.Repeat(j, 2)).Select(j => SendAsync(host, new StartJourney(j, j.ToString(), ALongWay), j)));
        foreach (var journey in journeys)
        {
            await Poll.UntilAsync(() => StateAsync(journey), s => s == "UnderWay/100", "both events to be handled");
        }
    }

    [Fact]
    public async Task An_event_that_comes_before_its_saga_is_put_back_and_handled_later()
    {
        var host = await StartAsync(ConcurrencyMode.Pessimistic);
        var journey = Guid.CreateVersion7();
        await SendAsync(host, new Advance(journey.ToString()), journey);
        await Poll.UntilAsync(
            () => fixture.Database.ScalarAsync<long>(
                "SELECT count(*) FROM messaging.outbox WHERE scheduled AND (headers->>'x-redelivery-count')::int > 1"),
            n => n > 0,
            "the second redelivery, which must not be a duplicate of the first");
        await SendAsync(host, new StartJourney(journey, journey.ToString(), ALongWay), journey);
        await Poll.UntilAsync(() => StateAsync(journey), s => s == "UnderWay/1", "the early event to be handled");
    }

    [Fact]
    public async Task Many_events_for_one_saga_at_the_same_time_all_count()
    {
        var host = await StartAsync(ConcurrencyMode.Pessimistic);
        var journey = Guid.CreateVersion7();
        await SendAsync(host, new StartJourney(journey, journey.ToString(), ALongWay), journey);
        await Poll.UntilAsync(() => StateAsync(journey), s => s == "UnderWay/0", "the saga");
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => SendAsync(host, new Advance(journey.ToString()), journey)));
        await Poll.UntilAsync(() => StateAsync(journey), s => s == "UnderWay/20", "all events to count");
    }

    [Fact]
    public async Task A_deadline_that_passes_is_received_and_one_that_is_cancelled_is_gone()
    {
        var host = await StartAsync(ConcurrencyMode.Pessimistic);
        var (late, done) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await SendAsync(host, new StartJourney(late, late.ToString(), 700), late);
        await SendAsync(host, new StartJourney(done, done.ToString(), ALongWay), done);
        await Poll.UntilAsync(() => StateAsync(done), s => s == "UnderWay/0", "the saga");
        await SendAsync(host, new Arrive(done), done);
        await Poll.UntilAsync(() => StateAsync(done), s => s == "Done/0", "the arrival");
        await Poll.UntilAsync(() => StateAsync(late), s => s == "Late/0", "the deadline");
        (await fixture.Database.ScalarAsync<long>(
            $"SELECT count(*) FROM messaging.outbox WHERE token IS NOT NULL AND encode(body, 'escape') LIKE '%{done}%'")).ShouldBe(0);
    }

    private Task<IHost> StartAsync(ConcurrencyMode concurrency) => fixture.StartAsync(bus => bus.AddJourneys(concurrency), OftenAgain);

    private static Task SendAsync<T>(IHost host, T message, Guid key)
        where T : class => host.InScope(async (scope, database) =>
    {
        await scope.GetRequiredService<ISendEndpointProvider>().SendCommandAsync(JourneyRegistration.Queue, message, key, Token);
        await database.SaveChangesAsync(Token);
    });

    private async Task<string> StateAsync(Guid journey) =>
        await fixture.Database.ScalarAsync<string>(
            $"SELECT coalesce((SELECT current_state || '/' || steps FROM journeys WHERE correlation_id = '{journey}'), '-')");
}
