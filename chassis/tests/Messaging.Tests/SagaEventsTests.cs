using Chassis.Messaging.Sagas;
using Chassis.Testing;
using MassTransit;
using Messaging.CrashHost;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Messaging.Tests;

/// <summary>A saga is told in the transaction in which something happened.</summary>
public sealed class SagaEventsTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_follows_from_it_is_committed_with_everything_else()
    {
        var host = await StartAsync();
        var journey = Guid.CreateVersion7();
        await host.InScope(async (scope, database) =>
        {
            await using var transaction = await database.Database.BeginTransactionAsync(Token);
            await Raise(scope, m => m.Started, new StartJourney(journey, journey.ToString(), 600_000));
            (await StateAsync(journey)).ShouldBeNull("nobody sees it before the commit");
            await database.SaveChangesAsync(Token);
            await transaction.CommitAsync(Token);
        });

        (await StateAsync(journey)).ShouldBe("UnderWay");
        (await DeadlinesAsync()).ShouldBe(1);

        await Committed(host, m => m.Arrived, new Arrive(journey));
        (await StateAsync(journey)).ShouldBe("Done");
        (await DeadlinesAsync()).ShouldBe(0, "a deadline is taken back in the same way");
    }

    [Fact]
    public async Task What_follows_from_it_is_forgotten_with_everything_else()
    {
        var host = await StartAsync();
        var journey = Guid.CreateVersion7();
        await host.InScope(async (scope, database) =>
        {
            await using var transaction = await database.Database.BeginTransactionAsync(Token);
            await Raise(scope, m => m.Started, new StartJourney(journey, journey.ToString(), 600_000));
            await database.SaveChangesAsync(Token);
            await transaction.RollbackAsync(Token);
        });

        (await StateAsync(journey)).ShouldBeNull();
        (await fixture.Database.ScalarAsync<long>(
            $"SELECT count(*) FROM messaging.outbox WHERE position('{journey}' IN convert_from(body, 'UTF8')) > 0")).ShouldBe(0);
    }

    [Fact]
    public async Task Without_a_transaction_nothing_is_told()
    {
        var host = await StartAsync();
        await host.InScope((scope, _) => Should.ThrowAsync<InvalidOperationException>(() => Raise(scope, m => m.Arrived, new Arrive(Guid.CreateVersion7()))));
    }

    [Fact]
    public async Task Its_deadline_comes_as_one_that_a_message_has_set()
    {
        var host = await StartAsync();
        var journey = Guid.CreateVersion7();
        await Committed(host, m => m.Started, new StartJourney(journey, journey.ToString(), 1));

        await Poll.UntilAsync(() => StateAsync(journey), s => s == "Late", "the deadline to pass");
    }

    private Task<IHost> StartAsync() => fixture.StartAsync(bus => bus.AddJourneys(ConcurrencyMode.Pessimistic));

    private static Task Committed<T>(IHost host, Func<JourneyMachine, Event<T>> which, T message)
        where T : class => host.InScope(async (scope, database) =>
    {
        await using var transaction = await database.Database.BeginTransactionAsync(Token);
        await Raise(scope, which, message);
        await database.SaveChangesAsync(Token);
        await transaction.CommitAsync(Token);
    });

    private static Task Raise<T>(IServiceProvider scope, Func<JourneyMachine, Event<T>> which, T message)
        where T : class
    {
        var machine = scope.GetRequiredService<JourneyMachine>();
        return scope.GetRequiredService<ISagaEvents<Journey>>().RaiseAsync(machine, which(machine), message, JourneyRegistration.Queue, Token);
    }

    private Task<string?> StateAsync(Guid journey) =>
        fixture.Database.ScalarAsync<string?>($"SELECT current_state FROM journeys WHERE correlation_id = '{journey}'");

    private Task<long> DeadlinesAsync() => fixture.Database.ScalarAsync<long>("SELECT count(*) FROM messaging.outbox WHERE scheduled");
}
