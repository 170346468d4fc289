using System.Text.Json;
using Chassis.Messaging.Erasure;
using Chassis.Testing;
using Contracts.Events;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Notifications.Contacts;
using Notifications.Mails;
using Notifications.Persistence;
using Notifications.Queues;
using Notifications.Tests.Support;
using Notifications.Webhooks;
using Npgsql;
using Shop.Contracts;
using Shop.Contracts.Orders.V1;
using Shop.Contracts.Users.V1;

namespace Notifications.Tests;

/// <summary>What is being stored about a person while the person is being erased, both ways round, and before the service has heard of the person.</summary>
public class ErasureRaceTests(WebhooksFixture service) : IClassFixture<WebhooksFixture>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_event_that_comes_while_the_erasure_is_under_way_is_not_stored()
    {
        await service.Subscribe("shop.user.*");
        var person = NotificationsFixture.Someone();
        await using var storing = service.Services.CreateAsyncScope();
        await WhileErasingAsync(person, () => storing.ServiceProvider.GetRequiredService<WebhookFanOut>().AcceptAsync(EnvelopeOf(person), Body(person), Token));

        (await service.Database.FindAsync(person.Email)).ShouldBeEmpty();
    }

    [Fact]
    public async Task An_event_that_is_being_stored_when_the_erasure_comes_is_emptied()
    {
        var person = NotificationsFixture.Someone();
        await using var storing = service.Services.CreateAsyncScope();
        var db = storing.ServiceProvider.GetRequiredService<NotificationsDbContext>();
        await using var storage = await db.Database.BeginTransactionAsync(Token);
        await ErasureLock.ShareAsync(db, person.UserId, Token);
        await WebhookFanOut.CreateAsync(db, TimeProvider.System, EnvelopeOf(person), Body(person), [], Token);
        await EraseBehindAsync(person, () => storage.CommitAsync(Token));

        (await service.Database.FindAsync(person.Email)).ShouldBeEmpty();
        (await service.Database.ScalarAsync<long>($"SELECT count(*) FROM webhook_events WHERE subject = '{person.UserId}' AND body = ''")).ShouldBe(1);
    }

    [Fact]
    public async Task A_mail_that_comes_while_the_erasure_is_under_way_is_noted_without_the_person()
    {
        var person = NotificationsFixture.Someone();
        await using var connection = new NpgsqlConnection(service.Database.Runtime);
        await connection.OpenAsync(Token);
        await WhileErasingAsync(person, () => MailOutbox.InsertAsync(connection, [Welcome(person)], TimeProvider.System, Token));

        (await service.Database.FindAsync(person.Email)).ShouldBeEmpty();
        (await service.Database.ScalarAsync<long>($"SELECT count(*) FROM mails WHERE user_id = '{person.UserId}'")).ShouldBe(1);
    }

    [Fact]
    public async Task A_mail_that_is_being_stored_when_the_erasure_comes_keeps_nothing_of_the_person()
    {
        var person = NotificationsFixture.Someone();
        await using var connection = new NpgsqlConnection(service.Database.Runtime);
        await connection.OpenAsync(Token);
        await using var storage = await connection.BeginTransactionAsync(Token);
        await MailOutbox.InsertAsync(connection, [Welcome(person)], TimeProvider.System, Token);
        await EraseBehindAsync(person, () => storage.CommitAsync(Token));

        (await service.Database.FindAsync(person.Email)).ShouldBeEmpty();
    }

    [Fact]
    public async Task What_an_endpoint_answers_while_the_erasure_is_under_way_is_written_down_without_its_words()
    {
        var webhook = await service.Subscribe("shop.user.registered.v1");
        var person = NotificationsFixture.Someone();
        await service.Receiver.Answer(webhook.Name, new { status = 200, body = $"welcome, {person.Email}", delayMs = 5000 });
        await service.Broker.Publish(person, sequence: 1);
        await service.Arrived(webhook);
        await WhileErasingAsync(
            person,
            () => Poll.UntilAsync(
                () => service.Database.ScalarAsync<long>($"SELECT count(*) FROM webhook_attempts WHERE webhook_id = '{webhook.Id}'"),
                n => n == 1,
                "the attempt"),
            at: "INSERT INTO webhook_attempts");

        (await service.Database.FindAsync(person.Email)).ShouldBeEmpty();
        (await service.Database.ScalarAsync<int>($"SELECT status_code FROM webhook_attempts WHERE webhook_id = '{webhook.Id}'")).ShouldBe(200);
    }

    [Fact]
    public async Task What_a_person_said_when_cancelling_goes_as_soon_as_partners_have_heard_of_it()
    {
        var webhook = await service.Subscribe("shop.order.cancelled.v1");
        await service.Receiver.Answer(
            webhook.Name, new { status = 503, headers = new Dictionary<string, string> { ["retry-after"] = "600" } }, new { status = 204 });
        var person = await service.Register();
        var (order, reason) = (Guid.CreateVersion7(), $"my neighbour {Guid.NewGuid():n} reads my mail");
        await service.Broker.Publish(NotificationsFixture.Confirmation(person.UserId) with { OrderId = order });
        await service.Broker.Publish(new OrderCancelled(order, person.UserId, reason, DateTimeOffset.UtcNow));
        var delivery = await service.Delivery(webhook, "pending");
        await Poll.UntilAsync(
            async () => await service.Database.ScalarAsync<long>($"SELECT count(*) FROM mails WHERE order_id = '{order}'"),
            n => n > 0,
            "a mail about the order");
        await EraseAsync(person.UserId);
        (await service.Database.FindAsync(reason)).ShouldBe(["public.webhook_events"], "it is still to be told as it was signed");

        // As when the endpoint has taken it, hours later.
        await service.Database.ExecuteAsync(
            $"UPDATE webhook_deliveries SET status = 'succeeded', completed_at = now() WHERE id = '{delivery.GetProperty("id").GetGuid()}'");
        await service.Services.GetServices<Microsoft.Extensions.Hosting.IHostedService>().OfType<Housekeeping>().Single().SweepAsync(Token);
        (await service.Database.FindAsync(reason)).ShouldBeEmpty();
    }

    private async Task EraseAsync(Guid person, Func<Task>? beforeItCommits = null)
    {
        await using var scope = service.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<NotificationsDbContext>();
        await using var transaction = await db.Database.BeginTransactionAsync(Token);
        await scope.ServiceProvider.GetRequiredService<ContactBook>().EraseAsync(person, Token);
        await (beforeItCommits?.Invoke() ?? Task.CompletedTask);
        await transaction.CommitAsync(Token);
    }

    /// <summary>Does something that has to wait for an erasure.</summary>
    private async Task WhileErasingAsync(UserRegistered person, Func<Task> store, string at = "pg_advisory_xact_lock")
    {
        var storing = Task.CompletedTask;
        await EraseAsync(person.UserId, () => WaitingAsync(storing = store(), at));
        await storing;
    }

    /// <summary>Erases somebody behind something that the erasure has to wait for.</summary>
    private async Task EraseBehindAsync(UserRegistered person, Func<Task> commit)
    {
        var erasure = EraseAsync(person.UserId);
        await WaitingAsync(erasure);
        await commit();
        await erasure;
    }

    private static byte[] Body(UserRegistered person) => JsonSerializer.SerializeToUtf8Bytes(person, ContractJson.Options);

    private static CloudEventEnvelope EnvelopeOf(UserRegistered person) =>
        new(
            Guid.CreateVersion7().ToString(),
            ShopContracts.Catalogue.SourceOf("users"),
            "shop.user.registered.v1",
            DateTimeOffset.UtcNow,
            person.UserId.ToString());

    private static MailRequest Welcome(UserRegistered person) =>
        new(
            "welcome",
            Guid.CreateVersion7().ToString(),
            Guid.CreateVersion7().ToString(),
            "shop.user.registered.v1",
            person,
            person.UserId,
            Recipient: person.Email);

    /// <summary>Until somebody waits for a lock of the other; whoever is through already did not wait.</summary>
    private Task WaitingAsync(Task waiting, string at = "pg_advisory_xact_lock") => Poll.UntilAsync(
        async () => waiting.IsCompleted
            ? throw new InvalidOperationException("It did not wait.")
            : await service.Database.ScalarAsync<long>(
                $"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%{at}%'") > 0,
        "one to wait for the other");
}
