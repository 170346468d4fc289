using System.Text;
using Chassis.Messaging;
using Chassis.Testing;
using Contracts.Events;
using MassTransit;
using Messaging.CrashHost;
using Microsoft.Extensions.DependencyInjection;
using Shop.Contracts;
using Shop.Contracts.Orders.V1;
using Shop.Contracts.Users.V1;

namespace Messaging.Tests;

/// <summary>The main path on the real database and broker.</summary>
public sealed class MainPathTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    [Fact]
    public async Task A_command_sent_in_a_transaction_is_handled_once_and_its_event_reaches_everybody()
    {
        var host = await fixture.StartAsync(bus => bus.AddWork());
        await Poll.UntilAsync(() => fixture.IsConsumedAsync("work.cancelled"), "a consumer");
        var outsider = await fixture.ListenAsync(ShopContracts.Exchanges.AllEvents, "shop.order.#");
        var subject = Guid.CreateVersion7();

        await using (var scope = host.Services.CreateAsyncScope())
        {
            var database = scope.ServiceProvider.GetRequiredService<WorkDatabase>();
            var sender = scope.ServiceProvider.GetRequiredService<ISendEndpointProvider>();
            await sender.SendCommandAsync("work.commands", new DoWork(subject, 7), subject, TestContext.Current.CancellationToken);
            await database.SaveChangesAsync(TestContext.Current.CancellationToken);
        }

        await Poll.UntilAsync(
            () => fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM effects WHERE subject = '{subject}' AND number = 7"), n => n == 2, "both effects");
        await Poll.UntilAsync(() => !outsider.IsEmpty, "the event at an outsider's queue");
        outsider.TryPeek(out var seen).ShouldBeTrue();
        seen.RoutingKey.ShouldBe("shop.order.cancelled.v1");
        seen.BasicProperties.ContentType.ShouldBe("application/json");
        var headers = seen.BasicProperties.Headers!.ToDictionary(h => h.Key, h => Encoding.UTF8.GetString((byte[])h.Value!));
        headers[CloudEventHeaders.Type].ShouldBe("shop.order.cancelled.v1");
        headers[CloudEventHeaders.Sequence].ShouldBe("7");
        headers.Keys.ShouldAllBe(k => k.StartsWith(CloudEventHeaders.Prefix));
        await Poll.UntilAsync(fixture.OutboxRows, n => n == 0, "an empty outbox");
    }

    [Fact]
    public async Task An_event_that_is_published_while_another_is_consumed_carries_its_own_attributes_and_the_others_correlation()
    {
        var host = await fixture.StartAsync(bus => bus.AddConsumer<AnsweringConsumer>().Endpoint(e => e.Name = "work.answers"));
        var outsider = await fixture.ListenAsync(ShopContracts.Exchanges.AllEvents, "shop.#");
        var subject = Guid.CreateVersion7();
        await host.InScope(async (scope, database) =>
        {
            await scope.PublishCancelled(subject, 41);
            await database.SaveChangesAsync(TestContext.Current.CancellationToken);
        });

        await Poll.UntilAsync(() => outsider.Count == 2, "the event and the one that answers it");
        var (first, answer) = (Headers("shop.order.cancelled.v1"), Headers("shop.user.reactivated.v1"));
        answer[CloudEventHeaders.Type].ShouldBe("shop.user.reactivated.v1");
        answer[CloudEventHeaders.Id].ShouldNotBe(first[CloudEventHeaders.Id]);
        answer[CloudEventHeaders.Sequence].ShouldBe("42");
        answer[CloudEventHeaders.DataSchema].ShouldNotBe(first[CloudEventHeaders.DataSchema]);
        answer[CloudEventHeaders.CorrelationId].ShouldBe(first[CloudEventHeaders.CorrelationId]);
        answer[CloudEventHeaders.CausationId].ShouldBe(first[CloudEventHeaders.Id]);

        Dictionary<string, string> Headers(string type) => outsider.Single(m => m.RoutingKey == type).BasicProperties.Headers!
            .ToDictionary(h => h.Key, h => Encoding.UTF8.GetString((byte[])h.Value!));
    }

    private sealed class AnsweringConsumer : IConsumer<OrderCancelled>
    {
        public Task Consume(ConsumeContext<OrderCancelled> context) => context.PublishEventAsync(
            new UserReactivated(context.Message.UserId, TimeProvider.System.GetUtcNow()), context.EventSequence()!.Value + 1, context.CancellationToken);
    }
}
