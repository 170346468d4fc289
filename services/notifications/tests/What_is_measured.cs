using Chassis.Testing;
using Notifications.Tests.Support;

namespace Notifications.Tests;

/// <summary>What metrics say of mails and webhooks, while nobody else has any.</summary>
public sealed class What_is_measured(What_is_measured.Alone service) : IClassFixture<What_is_measured.Alone>
{
    [Fact]
    public async Task Is_how_each_mail_ended_and_how_long_its_reader_waited_since_the_event()
    {
        using var heard = new Measurements();
        var user = await service.Register();
        await service.MailsTo(user.Email);
        await service.Broker.Publish(NotificationsFixture.Confirmation(user.UserId), time: DateTimeOffset.UtcNow.AddSeconds(-40));
        await service.MailsTo(user.Email, 2);
        await Poll.UntilAsync(() => Task.FromResult(heard.Of(service.Services, "shop.mails.age").Count), n => n == 2, "both mails to be measured");

        Counted(heard, "shop.mails").ShouldBe(
            [("outcome=sent template=order-confirmation", 1), ("outcome=sent template=welcome", 1)], ignoreOrder: true);
        heard.Of(service.Services, "shop.mails.attempts").Select(m => m.Value).ShouldBe([1, 1]);
        heard.Of(service.Services, "shop.mails.age").Select(m => m.Value).Max().ShouldBeInRange(40, 100);
        heard.Of(service.Services, "shop.mails.age").Select(m => m.Value).Min().ShouldBeInRange(0, 39);
    }

    [Fact]
    public async Task Is_what_waits_and_since_when()
    {
        using var heard = new Measurements();
        await service.Database.ExecuteAsync(
            """
            INSERT INTO mails (id, cause, event_id, event_type, template, audience, data, due_at, created_at, event_time) VALUES
                (gen_random_uuid(), 'a', 'a', 'a', 'welcome', 'customer', '{}', now() + interval '1 hour', now(), now() - interval '5 minutes'),
                (gen_random_uuid(), 'b', 'b', 'b', 'welcome', 'customer', '{}', now() + interval '1 hour', now() - interval '1 minute', NULL)
            """);
        await Poll.UntilAsync(
            () => Task.FromResult(heard.Gauge(service.Services, "shop.mails.pending")), g => g.GetValueOrDefault("") == 2, "the gauge to show them");
        heard.Gauge(service.Services, "shop.mails.oldest_age")[""].ShouldBeInRange(300, 400);
        await service.Database.ExecuteAsync("DELETE FROM mails WHERE cause IN ('a', 'b')");
        await Poll.UntilAsync(
            () => Task.FromResult(heard.Gauge(service.Services, "shop.mails.oldest_age")), g => g.GetValueOrDefault("", -1) == 0, "nothing to wait");
        heard.Gauge(service.Services, "shop.webhooks.pending")[""].ShouldBe(0);
        heard.Gauge(service.Services, "shop.webhooks.oldest_age")[""].ShouldBe(0);
    }

    [Fact]
    public async Task Is_when_an_endpoint_was_first_asked_and_what_became_of_the_delivery()
    {
        using var heard = new Measurements();
        var user = await service.Register();
        var webhook = await service.Subscribe("shop.order.*");
        await service.Receiver.Answer(webhook.Name, new { status = 500 }, new { status = 204 });
        await service.Broker.Publish(NotificationsFixture.Confirmation(user.UserId), time: DateTimeOffset.UtcNow.AddSeconds(-20));
        await service.Delivery(webhook, "succeeded");
        await Poll.UntilAsync(
            () => Task.FromResult(Counted(heard, "shop.webhooks.attempts")), counted => counted.Sum(c => c.Count) == 2, "both attempts to be measured");

        Counted(heard, "shop.webhooks.attempts").ShouldBe([("outcome=failed", 1), ("outcome=delivered", 1)], ignoreOrder: true);
        Counted(heard, "shop.webhooks.deliveries").ShouldBe([("outcome=succeeded", 1)]);
        heard.Of(service.Services, "shop.webhooks.first_attempt.age").ShouldHaveSingleItem().Value.ShouldBeInRange(20, 80);
    }

    [Fact]
    public async Task Starts_at_zero_for_every_label_that_is_known()
    {
        using var heard = new Measurements();
        await using var replica = await service.StartReplicaAsync();

        var mails = heard.Counted(replica.Services, "shop.mails");
        mails.Count.ShouldBe(3 * 17, "outcomes of each template");
        mails.ShouldContainKeyAndValue("outcome=failed template=welcome", 0);
        heard.Counted(replica.Services, "shop.webhooks.attempts").Keys.Order().ShouldBe(["outcome=delivered", "outcome=failed"]);
        heard.Counted(replica.Services, "shop.webhooks.deliveries").Keys.Order().ShouldBe(["outcome=cancelled", "outcome=failed", "outcome=succeeded"]);
    }

    private List<(string Labels, double Count)> Counted(Measurements heard, string counter) =>
        [.. heard.Counted(service.Services, counter).Where(c => c.Value > 0).Select(c => (c.Key, c.Value))];

    public sealed class Alone : WebhooksFixture;
}
