using System.Collections.Concurrent;
using Chassis;
using Chassis.Messaging.Model;
using Chassis.Messaging.Relay;
using Chassis.Messaging.Storage;
using Chassis.Testing;
using Messaging.CrashHost;
using Microsoft.Extensions.DependencyInjection;
using RabbitMQ.Client;
using Shop.Contracts;

namespace Messaging.Tests;

/// <summary>What is written down of a message is written to that message and to no other.</summary>
public sealed class RelayTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>As after a failover to a copy without the last commits, which gives their ids to others.</summary>
    [Fact]
    public async Task What_was_sent_is_not_taken_for_another_message_that_has_its_id()
    {
        using var host = WorkHost.Build(fixture.Database.Migrations, fixture.Vhost.Uri);
        var store = host.Services.GetRequiredService<OutboxStore>();
        var (here, sent) = (Row("somewhere"), Row("somewhere"));
        await store.InsertAsync([here], TimeSpan.FromHours(1), Token);
        sent.Id = here.Id;

        (await store.RefuseAsync([sent], "refused", TimeSpan.FromSeconds(1), 1, Token)).ShouldBe(0);
        await store.DeleteAsync([sent], Token);
        (await Attempts(here)).ShouldBe([0]);

        (await store.RefuseAsync([here], "refused", TimeSpan.FromSeconds(1), 10, Token)).ShouldBe(0);
        (await Attempts(here)).ShouldBe([1]);
        await store.DeleteAsync([here], Token);
        (await Attempts(here)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_message_that_comes_back_is_not_taken_for_another_one_of_its_id()
    {
        using var host = WorkHost.Build(fixture.Database.Migrations, fixture.Vhost.Uri);
        var heard = await fixture.ListenAsync("relay.heard", "#", declare: true);
        await using (var channel = await fixture.OpenChannelAsync())
        {
            await channel.ExchangeDeclareAsync("relay.nobody", ExchangeType.Topic, durable: true, cancellationToken: Token);
        }

        var settled = new ConcurrentDictionary<OutboxRow, string>();
        await using var publisher = await ConfirmingPublisher.OpenAsync(
            host.Services.GetRequiredService<BrokerConnection>(),
            connection => new Topology(
                connection,
                ShopContracts.Catalogue,
                host.Services.GetRequiredService<ServiceIdentity>(),
                host.Services.GetRequiredService<VanishedExchanges>(),
                TimeProvider.System),
            (row, error) => settled[row] = error ?? "confirmed",
            TimeProvider.System,
            Token);
        var (lost, taken) = (Row("relay.nobody"), Row("relay.heard"));
        var twin = Row("relay.nobody", lost.MessageId);
        var other = Row("relay.heard", lost.MessageId);

        foreach (var row in (OutboxRow[])[lost, other, twin, taken])
        {
            await publisher.PublishAsync(row, Token);
        }

        await Poll.UntilAsync(() => settled.Count == 4, "the broker's word on every message");
        settled[lost].ShouldStartWith("Not routable");
        settled[twin].ShouldStartWith("Not routable");
        settled[other].ShouldBe("confirmed");
        settled[taken].ShouldBe("confirmed");
        await Poll.UntilAsync(() => heard.Count == 2, "both messages where they were to go");
    }

    private static OutboxRow Row(string exchange, Guid? messageId = null) => new()
    {
        MessageId = messageId ?? Guid.CreateVersion7(),
        Exchange = exchange,
        RoutingKey = "key",
        ContentType = "application/json",
        Headers = new Dictionary<string, string>(),
        Body = "{}"u8.ToArray(),
        Mandatory = true,
    };

    private Task<int[]> Attempts(OutboxRow row) => fixture.Database.ScalarAsync<int[]>(
        $"SELECT coalesce(array_agg(attempts), ARRAY[]::int[]) FROM messaging.outbox WHERE id = {row.Id} AND message_id = '{row.MessageId}'");
}
