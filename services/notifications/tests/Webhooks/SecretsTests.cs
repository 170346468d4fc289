using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using Chassis.Data;
using Chassis.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Notifications.Persistence;
using Notifications.Queues;
using Notifications.Tests.Support;
using Notifications.Webhooks;

namespace Notifications.Tests.Webhooks;

/// <summary>Whoever gets hold of a copy of the database cannot sign in our name.</summary>
public class SecretsTests(WebhooksFixture service) : IClassFixture<WebhooksFixture>
{
    internal static SecretVault Vault(string master = NotificationsFixture.MasterSecret, params string[] former) =>
        new(new Envelope(Options.Create(new SealingSettings { MasterSecret = master, FormerSecrets = former })));

    [Fact]
    public async Task Are_nowhere_in_the_database_to_be_read()
    {
        var key = Guid.NewGuid().ToString();
        using var client = service.Operator();
        client.DefaultRequestHeaders.Add("Idempotency-Key", key);
        var body = new { url = service.Receiver.Hook(key), eventTypes = new[] { "shop.order.*" } };
        using var created = await client.PostAsJsonAsync("/v1/webhooks", body);
        var webhook = await created.Content.ReadFromJsonAsync<JsonElement>();
        var secret = webhook.GetProperty("secret").GetString()!;
        client.DefaultRequestHeaders.Remove("Idempotency-Key");
        client.DefaultRequestHeaders.Add("Idempotency-Key", $"{key}-rotation");
        using var rotated = await client.PostAsync($"/v1/webhooks/{webhook.GetProperty("id").GetGuid()}/rotate-secret", null);
        var next = (await rotated.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("secret").GetString()!;

        (await service.Database.FindAsync(webhook.GetProperty("id").GetString()!)).ShouldNotBeEmpty("the search finds what is there");
        (await service.Database.FindAsync(secret)).ShouldBeEmpty();
        (await service.Database.FindAsync(next)).ShouldBeEmpty();

        client.DefaultRequestHeaders.Remove("Idempotency-Key");
        client.DefaultRequestHeaders.Add("Idempotency-Key", key);
        using var again = await client.PostAsJsonAsync("/v1/webhooks", body);
        again.StatusCode.ShouldBe(HttpStatusCode.Created);
        var repeated = await again.Content.ReadFromJsonAsync<JsonElement>();
        repeated.GetProperty("id").GetGuid().ShouldBe(webhook.GetProperty("id").GetGuid());
        repeated.TryGetProperty("secret", out _).ShouldBeFalse("it is shown once");
    }

    [Fact]
    public async Task Of_a_version_that_kept_them_in_the_clear_go_on_signing_and_are_sealed()
    {
        var webhook = await service.Subscribe("shop.order.*");
        await service.Database.ExecuteAsync($"UPDATE webhook_secrets SET secret = '{webhook.Secret}' WHERE webhook_id = '{webhook.Id}'");
        await service.Broker.Publish(NotificationsFixture.Confirmation(Guid.CreateVersion7()));
        (await service.Arrived(webhook))[0].Refusal.ShouldBeNull();

        await service.Services.GetServices<Microsoft.Extensions.Hosting.IHostedService>()
            .OfType<Housekeeping>()
            .Single()
            .SweepAsync(TestContext.Current.CancellationToken);
        (await Stored(webhook)).ShouldStartWith("sealed:");
        await service.Broker.Publish(NotificationsFixture.Confirmation(Guid.CreateVersion7()));
        (await service.Arrived(webhook, 2))[1].Refusal.ShouldBeNull();
    }

    [Fact]
    public async Task Are_sealed_anew_when_the_master_secret_is_replaced()
    {
        var webhook = await service.Subscribe("shop.order.*");
        var replaced = Vault("the-master-secret-after-the-rotation", NotificationsFixture.MasterSecret);
        await using var scope = service.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<NotificationsDbContext>();
        try
        {
            (await replaced.SealAllAsync(db, TestContext.Current.CancellationToken)).Changed.ShouldBeGreaterThan(0);
            (await replaced.SealAllAsync(db, TestContext.Current.CancellationToken)).Changed.ShouldBe(0, "all are sealed with the new one");
            Vault("the-master-secret-after-the-rotation").Open(webhook.Id, await Stored(webhook)).ShouldBe(webhook.Secret);
            var stored = await Stored(webhook);
            Should.Throw<CryptographicException>(() => Vault().Open(webhook.Id, stored));
        }
        finally
        {
            await Vault(NotificationsFixture.MasterSecret, "the-master-secret-after-the-rotation").SealAllAsync(db, TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task That_cannot_be_opened_keep_no_other_from_being_sealed()
    {
        Registered[] webhooks = [await service.Subscribe("shop.order.*"), await service.Subscribe("shop.order.*"), await service.Subscribe("shop.order.*")];
        var theirs = $"webhook_id IN ({string.Join(',', webhooks.Select(w => $"'{w.Id}'"))})";
        var first = await service.Database.ScalarAsync<Guid>($"SELECT webhook_id FROM webhook_secrets WHERE {theirs} ORDER BY id LIMIT 1");
        var lost = Vault("a-master-secret-that-nobody-remembers").Seal(first, "whsec_lost");
        await service.Database.ExecuteAsync(
            $"UPDATE webhook_secrets SET secret = CASE WHEN webhook_id = '{first}' THEN '{lost}' ELSE 'whsec_clear' END WHERE {theirs}");
        await using var scope = service.Services.CreateAsyncScope();
        var sealing = await Vault().SealAllAsync(scope.ServiceProvider.GetRequiredService<NotificationsDbContext>(), TestContext.Current.CancellationToken);

        sealing.Lost.ShouldBe([first]);
        foreach (var webhook in webhooks)
        {
            var stored = await Stored(webhook);
            (webhook.Id == first ? stored == lost : Vault().Open(webhook.Id, stored) == "whsec_clear").ShouldBeTrue(stored);
        }

        await service.Database.ExecuteAsync($"DELETE FROM webhooks WHERE id = '{first}'");
    }

    [Fact]
    public async Task That_cannot_be_opened_keep_the_delivery_and_the_attempt_says_why()
    {
        var webhook = await service.Subscribe("shop.order.*");
        var lost = Vault("a-master-secret-that-nobody-remembers").Seal(webhook.Id, webhook.Secret);
        await service.Database.ExecuteAsync($"UPDATE webhook_secrets SET secret = '{lost}' WHERE webhook_id = '{webhook.Id}'");
        await service.Broker.Publish(NotificationsFixture.Confirmation(Guid.CreateVersion7()));
        await Poll.UntilAsync(
            async () => await service.Database.ScalarAsync<long>(
                $"SELECT count(*) FROM webhook_attempts WHERE webhook_id = '{webhook.Id}' AND error LIKE '%master secret%'"),
            attempts => attempts > 0,
            "an attempt that says why");

        await service.Database.ExecuteAsync(
            $"UPDATE webhook_secrets SET secret = '{Vault().Seal(webhook.Id, webhook.Secret)}' WHERE webhook_id = '{webhook.Id}'");
        (await service.Arrived(webhook))[0].Refusal.ShouldBeNull();
    }

    private Task<string> Stored(Registered webhook) =>
        service.Database.ScalarAsync<string>($"SELECT secret FROM webhook_secrets WHERE webhook_id = '{webhook.Id}'");
}
