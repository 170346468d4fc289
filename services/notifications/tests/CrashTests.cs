using Chassis.Testing;
using Notifications.Tests.Support;
using Shop.Contracts.Orders.V1;

namespace Notifications.Tests;

/// <summary>The service as a process, killed again and again while it works.</summary>
public class CrashTests(ITestOutputHelper output)
{
    private const int Users = 10;
    private const int Senders = 4;

    private static readonly int Orders = Effort.Of(50, 1_000);
    private static readonly int Kills = Effort.Of(2, 4);

    [Fact]
    public async Task Each_mail_goes_out_once_but_for_the_documented_window_and_each_webhook_at_least_once_unchanged()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var vhost = await TestVhost.CreateAsync();
        await using var receiver = await Receiver.Start();
        using var catcher = new MailCatcher();
        var sender = $"crash-{Guid.NewGuid():n}@shop.example";
        var address = new Uri($"http://127.0.0.1:{Ports.Free()}");
        var settings = Settings(database, vhost, sender, address);

        var service = TestProcess.Start("Notifications.dll", settings);
        try
        {
            await service.UntilReadyAsync(address);
            var (webhook, secret) = (Guid.CreateVersion7(), Notifications.Webhooks.StandardWebhooks.NewSecret());
            await database.ExecuteAsync(
                $"""
                INSERT INTO webhooks (id, url, event_types, created_at, updated_at) VALUES ('{webhook}', '{receiver.Hook("crash")}', ARRAY['shop.order.*'], now(), now());
                INSERT INTO webhook_secrets (id, webhook_id, secret, created_at) VALUES (gen_random_uuid(), '{webhook}', '{secret}', now());
                """);
            await receiver.Trust("crash", secret);
            await Poll.UntilAsync(
                async () => (await vhost.GetAsync("bindings")).EnumerateArray().Any(b => b.GetProperty("routing_key").GetString() == "shop.order.*.#"),
                "the service to have found a webhook that nobody has registered", TimeSpan.FromSeconds(60));

            await using var broker = await Broker.Connect(vhost.Uri);
            var expected = new List<string>();
            var users = Enumerable.Range(0, Users).Select(_ => NotificationsFixture.Someone()).ToList();
            foreach (var user in users)
            {
                expected.Add($"{await broker.Publish(user, 1)}.welcome@shop.example");
            }

            var webhooks = new List<string>();
            for (var i = 0; i < Orders; i++)
            {
                var confirmed = NotificationsFixture.Confirmation(users[i % Users].UserId);
                var shipped = new OrderShipped(confirmed.OrderId, confirmed.UserId, Guid.CreateVersion7(), "DHL", $"T{i}", DateTimeOffset.UtcNow);
                webhooks.Add(await broker.Publish(confirmed, 2));
                webhooks.Add(await broker.Publish(shipped, 3));
                expected.Add($"{webhooks[^2]}.order-confirmation@shop.example");
                expected.Add($"{webhooks[^1]}.order-shipped@shop.example");
            }

            for (var kill = 1; kill <= Kills; kill++)
            {
                // In the middle of the work: so many mails are out, and more are to come.
                var enough = expected.Count * kill / (Kills + 1);
                await Poll.UntilAsync(async () => await database.ScalarAsync<long>("SELECT count(*) FROM mails WHERE status = 'sent'") >= enough,
                    $"{enough} mails", TimeSpan.FromSeconds(90));
                await service.KillAsync();
                service.Dispose();
                service = TestProcess.Start("Notifications.dll", settings);
            }

            await Poll.UntilAsync(
                async () => await database.ScalarAsync<string>(
                    "SELECT string_agg(concat_ws(' ', n, status, error), ', ') FROM (SELECT count(*) AS n, status, max(last_error) AS error FROM mails GROUP BY status ORDER BY status) AS mails"),
                seen => seen.StartsWith($"{expected.Count} sent", StringComparison.Ordinal), $"{expected.Count} sent mails", TimeSpan.FromSeconds(90));
            await Poll.UntilAsync(
                async () => await database.ScalarAsync<long>("SELECT count(*) FROM webhook_deliveries WHERE status = 'succeeded'"),
                done => done == webhooks.Count, $"{webhooks.Count} deliveries", TimeSpan.FromSeconds(90));

            var caught = (await catcher.From(sender)).GroupBy(m => m.MessageId).ToDictionary(g => g.Key, g => g.Count());
            caught.Keys.Order(StringComparer.Ordinal).ShouldBe(expected.Order(StringComparer.Ordinal));
            var repeated = caught.Values.Sum(n => n - 1);
            output.WriteLine($"{expected.Count} mails, {Kills} kills, {repeated} mails repeated in the window");
            repeated.ShouldBeLessThanOrEqualTo(Kills * Senders);

            var deliveries = await receiver.Deliveries("crash");
            output.WriteLine($"{webhooks.Count} webhooks, {deliveries.Count - webhooks.Count} repeated");
            deliveries.Select(d => d.Id).Distinct().Order(StringComparer.Ordinal).ShouldBe(webhooks.Order(StringComparer.Ordinal));
            deliveries.ShouldAllBe(d => d.Refusal == null);
            deliveries.GroupBy(d => d.Id).ShouldAllBe(g => g.Select(d => d.Sha256).Distinct().Count() == 1);
        }
        finally
        {
            service.Dispose();
        }
    }

    private static (string, string)[] Settings(TestDatabase database, TestVhost vhost, string sender, Uri address) =>
    [
        ("ConnectionStrings:Database", database.Runtime),
        ("ConnectionStrings:Migrations", database.Migrations),
        ("RabbitMq:Uri", vhost.Uri.ToString()),
        .. TestVhost.OneAccountForAll.Select(setting => (setting.Key, setting.Value)),
        ("Authentication:Authority", "https://issuer.test"),
        ("ASPNETCORE_ENVIRONMENT", "Development"),   // a mail catcher, and webhooks to this machine
        ("ASPNETCORE_URLS", address.ToString()),
        ("Smtp:Host", MailCatcher.Host),
        ("Smtp:Port", MailCatcher.Port),
        ("Smtp:Timeout", "00:01:00"),   // an answer that is only late would leave the mail unconfirmed, and after a few of those it is given up
        ("Mail:From", sender),
        ("Mail:Concurrency", $"{Senders}"),
        ("Mail:Lease", "00:00:08"),
        ("Sealing:MasterSecret", NotificationsFixture.MasterSecret),
        ("Webhooks:AllowPrivateNetworks", "true"),
        ("Webhooks:Timeout", "00:00:05"),
        ("Webhooks:ClaimMargin", "00:00:03"),
    ];
}
