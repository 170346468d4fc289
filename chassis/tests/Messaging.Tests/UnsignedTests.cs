using System.Text.Json;
using Chassis.Testing;
using Contracts.Events;
using Messaging.CrashHost;
using RabbitMQ.Client;
using Shop.Contracts;

namespace Messaging.Tests;

/// <summary>
/// An upgrade from a version that signs nothing: what it left behind is believed for as long as an operator says so, and not what is signed by another.
/// </summary>
public sealed class UnsignedTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    private const string Event = "shop.order.cancelled.v1";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_an_earlier_version_left_in_queues_and_outboxes_is_believed_while_the_switch_is_on()
    {
        await fixture.StartAsync(bus => bus.AddWork(), new Dictionary<string, string?> { ["Messaging:TrustUnsigned"] = "true" });
        await using var stranger = await Player.ConnectAsync(await fixture.Vhost.CreateUserAsync(".*", ".*", ".*"));
        await using var channel = await fixture.OpenChannelAsync();
        var (unsigned, forged, putBack) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        await stranger.PublishAsync(Event, Cancelled(forged));
        await stranger.PublishAsync(Event, Cancelled(unsigned), sign: false);
        // As a redelivery that waited in the outbox of that version: the relay of this one signs it.
        var waiting = Cancelled(putBack);
        waiting.Properties.UserId = TestVhost.Account;
        waiting.Properties.Headers!["x-redelivery-count"] = "1";
        await channel.BasicPublishAsync(WorkQueues.Cancelled, "", mandatory: true, waiting.Properties, waiting.Body, Token);

        foreach (var subject in (Guid[])[unsigned, putBack])
        {
            await Poll.UntilAsync(() => EffectsAsync(subject), n => n == 1, "what the earlier version left to be handled");
        }

        await Poll.UntilAsync(
            () => fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM messaging.dead_letters WHERE message_id = '{forged}' AND reason = 'forged'"),
            n => n == 1,
            "the forged one to be refused");
        (await EffectsAsync(forged)).ShouldBe(0);
    }

    private Task<long> EffectsAsync(Guid subject) => fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM effects WHERE subject = '{subject}'");

    private static Player.Message Cancelled(Guid order) => new(
        new BasicProperties
        {
            ContentType = "application/json",
            MessageId = order.ToString(),
            Persistent = true,
            Headers = new CloudEventEnvelope(
                order.ToString(), ShopContracts.Catalogue.SourceOf("orders"), Event, TimeProvider.System.GetUtcNow(), order.ToString())
                .ToHeaders().ToDictionary(h => h.Key, h => (object?)h.Value),
        },
        JsonSerializer.SerializeToUtf8Bytes(Events.Cancelled(order), ContractJson.Options));
}
