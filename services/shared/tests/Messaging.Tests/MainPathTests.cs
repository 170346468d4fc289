using System.Text;
using Chassis.Messaging;
using Chassis.Testing;
using MassTransit;
using Messaging.CrashHost;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Shop.Contracts;
using Shop.Contracts.Orders.V1;

namespace Messaging.Tests;

public sealed record DoWork(Guid Subject, int Number);

public sealed class DoWorkConsumer(WorkDatabase database) : IConsumer<DoWork>
{
    public async Task Consume(ConsumeContext<DoWork> context)
    {
        database.Add(new Effect { Subject = context.Message.Subject, Number = context.Message.Number });
        await context.PublishEvent(Events.Cancelled(context.Message.Subject), context.Message.Number, context.CancellationToken);
        await database.SaveChangesAsync(context.CancellationToken);
    }
}

public sealed class CancelledConsumer(WorkDatabase database) : IConsumer<OrderCancelled>
{
    public Task Consume(ConsumeContext<OrderCancelled> context)
    {
        database.Add(new Effect { Subject = context.Message.OrderId, Number = (int)(context.EventSequence() ?? -1), Note = "cancelled" });
        return Task.CompletedTask;
    }
}

/// <summary>The main path on the real database and broker.</summary>
public sealed class MainPathTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    [Fact]
    public async Task A_command_sent_in_a_transaction_is_handled_once_and_its_event_reaches_everybody()
    {
        var host = await fixture.StartAsync(bus =>
        {
            bus.AddConsumer<DoWorkConsumer>().Endpoint(e => e.Name = "work.commands");
            bus.AddConsumer<CancelledConsumer>().Endpoint(e => e.Name = "work.cancelled");
        });
        await Poll.Until(() => fixture.HasQueueAsync("work.cancelled"), "the queues");
        var outsider = await fixture.ListenAsync(Exchanges.AllEvents, "shop.order.#");
        var subject = Guid.CreateVersion7();

        await using (var scope = host.Services.CreateAsyncScope())
        {
            var database = scope.ServiceProvider.GetRequiredService<WorkDatabase>();
            var sender = scope.ServiceProvider.GetRequiredService<ISendEndpointProvider>();
            await sender.SendCommand("work.commands", new DoWork(subject, 7), subject, TestContext.Current.CancellationToken);
            await database.SaveChangesAsync(TestContext.Current.CancellationToken);
        }

        await Poll.Until(
            () => fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM effects WHERE subject = '{subject}' AND number = 7"), n => n == 2, "both effects");
        await Poll.Until(() => !outsider.IsEmpty, "the event at an outsider's queue");
        outsider.TryPeek(out var seen).ShouldBeTrue();
        seen.RoutingKey.ShouldBe("shop.order.cancelled.v1");
        seen.BasicProperties.ContentType.ShouldBe("application/json");
        var headers = seen.BasicProperties.Headers!.ToDictionary(h => h.Key, h => Encoding.UTF8.GetString((byte[])h.Value!));
        headers[CloudEventHeaders.Type].ShouldBe("shop.order.cancelled.v1");
        headers[CloudEventHeaders.Sequence].ShouldBe("7");
        headers.Keys.ShouldAllBe(k => k.StartsWith(CloudEventHeaders.Prefix));
        await Poll.Until(fixture.OutboxRows, n => n == 0, "an empty outbox");
    }
}

internal static class Events
{
    public static OrderCancelled Cancelled(Guid order) => new(order, Guid.CreateVersion7(), "changed my mind", TimeProvider.System.GetUtcNow());
}
