using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Testing;
using Microsoft.Extensions.DependencyInjection;
using Notifications.Persistence;
using Notifications.Tests.Support;
using Shop.Testing;

namespace Notifications.Tests;

/// <summary>Who may call what.</summary>
public class RolesTests(NotificationsFixture service)
{
    private static readonly Guid Someone = Guid.Parse("0199c3a4-7c1e-7d2a-b6a5-6f0d6f9f4c11");

    [Fact]
    public async Task A_token_ends_with_its_session()
    {
        await using var own = new NotificationsFixture();
        await own.InitializeAsync();
        await new EndedSessionsCheck<Program>(own, "/v1/notifications").VerifyAsync();
    }

    [Fact]
    public async Task Shows_pages_that_work_under_their_own_headers()
    {
        using var client = service.Operator();
        (await ServedPages.VerifyAsync(service.Services, client)).ShouldBe(["/docs", "/asyncapi"], ignoreOrder: true);
    }

    [Fact]
    public Task Every_route_lets_in_whom_it_should() => Matrix().VerifyAsync();

    [Fact]
    public Task Every_route_refuses_what_is_beyond_the_bounds_that_are_described() => Matrix().VerifyBoundsAsync();

    private AuthorizationMatrix<Program> Matrix()
    {
        var customers = new MatrixRow(401, 200, 404, 404, 404);
        var (operators, forSomeone) = (MatrixRow.OperatorsOnly, new Dictionary<string, string>
        {
            ["id"] = Someone.ToString(), ["deliveryId"] = Someone.ToString(),
        });
        return new AuthorizationMatrix<Program>(service)
            .Row("GET /v1/notifications", new MatrixRow(401, 200, 403, 200, 200), () => Own(query: true))
            .Row("GET /v1/users/{id}/notification-preferences", customers, () => Own())
            .Row("PUT /v1/users/{id}/notification-preferences", customers, () => Own(new { welcome = true }))
            .Row("GET /v1/statistics/notifications", operators)
            .Row("GET /v1/webhook-deliveries", operators)
            .Row("POST /v1/webhooks", operators, () => For(new { url = "https://93.184.215.14/", eventTypes = new[] { "shop.order.*" } }))
            .Row("GET /v1/webhooks", operators)
            .Row("GET /v1/webhooks/{id}", operators, () => For())
            .Row("PATCH /v1/webhooks/{id}", operators, () => For(new { }))
            .Row("DELETE /v1/webhooks/{id}", operators, () => For())
            .Row("POST /v1/webhooks/{id}/rotate-secret", operators, () => For())
            .Row("POST /v1/webhooks/{id}/test", operators, () => For())
            .Row("GET /v1/webhooks/{id}/deliveries", operators, () => For())
            .Row("GET /v1/webhooks/{id}/deliveries/{deliveryId}", operators, () => For())
            .Row("POST /v1/webhooks/{id}/deliveries/{deliveryId}/redeliver", operators, () => For())
            .Row("POST /v1/webhooks/{id}/deliveries/redeliver", operators, () => For(new { from = DateTimeOffset.UtcNow }))
            .ChassisRows();

        Task<MatrixRequest> For(object? body = null) => Task.FromResult(new MatrixRequest(Guid.CreateVersion7(), forSomeone, body));

        static Task<MatrixRequest> Own(object? body = null, bool query = false)
        {
            var owner = Guid.CreateVersion7();
            return Task.FromResult(new MatrixRequest(
                owner, new Dictionary<string, string> { ["id"] = owner.ToString() }, body, query ? $"?userId={owner}" : ""));
        }
    }

    [Fact]
    public async Task A_tenant_sees_its_own_webhooks_and_mails_only()
    {
        using var here = service.ClientFor(Guid.CreateVersion7(), @operator: true, tenant: $"here-{Guid.CreateVersion7()}");
        using var elsewhere = service.ClientFor(Guid.CreateVersion7(), @operator: true, tenant: $"elsewhere-{Guid.CreateVersion7()}");
        using var all = service.Operator();
        using var created = await here.PostAsJsonAsync("/v1/webhooks", new { url = "https://93.184.215.14/", eventTypes = new[] { "shop.none" } });
        (await here.GetAsync(created.Headers.Location)).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await all.GetAsync(created.Headers.Location)).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await elsewhere.GetAsync(created.Headers.Location)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await elsewhere.DeleteAsync(created.Headers.Location)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        using var tested = await here.PostAsync($"{created.Headers.Location}/test", null);
        (await here.GetAsync(tested.Headers.Location)).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await elsewhere.GetAsync(tested.Headers.Location)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await elsewhere.GetFromJsonAsync<JsonElement>("/v1/webhooks")).GetProperty("items").GetArrayLength().ShouldBe(0);
        (await elsewhere.GetFromJsonAsync<JsonElement>("/v1/notifications")).GetProperty("items").GetArrayLength().ShouldBe(0);
        (await elsewhere.GetFromJsonAsync<JsonElement>("/v1/statistics/notifications")).GetProperty("webhooks").GetArrayLength().ShouldBe(0);
    }

    [Fact]
    public async Task A_tenant_has_so_many_webhooks_and_not_more_however_many_are_asked_for_at_once()
    {
        var most = new Notifications.Webhooks.WebhookOptions().MaxPerTenant;
        using var client = service.ClientFor(Guid.CreateVersion7(), @operator: true, tenant: $"many-{Guid.CreateVersion7()}");
        for (var i = 0; i < most - 3; i++)
        {
            (await Register()).ShouldBe(HttpStatusCode.Created);
        }

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Register()));
        answers.Count(a => a == HttpStatusCode.Created).ShouldBe(3);
        answers.Count(a => a == HttpStatusCode.TooManyRequests).ShouldBe(5);

        async Task<HttpStatusCode> Register()
        {
            using var answer = await client.PostAsJsonAsync("/v1/webhooks", new { url = "https://93.184.215.14/", eventTypes = new[] { "shop.none" } });
            return answer.StatusCode;
        }
    }

    [Fact]
    public async Task Every_route_keeps_tenants_apart_and_shows_all_to_whoever_has_none()
    {
        var north = $"north-{Guid.CreateVersion7()}";
        using var client = service.ClientFor(Guid.CreateVersion7(), @operator: true, tenant: north);
        var user = NotificationsFixture.Someone();
        await service.Broker.Publish(user, sequence: 1, tenant: north);
        await Poll.UntilAsync(
            async () => (await client.GetFromJsonAsync<JsonElement>("/v1/notifications")).GetProperty("items").GetArrayLength() == 1
                && await service.Database.ScalarAsync<long>($"SELECT count(*) FROM contacts WHERE user_id = '{user.UserId}' AND tenant_id = '{north}'") == 1,
            "the user to be known and the mail to be noted");
        using var created = await client.PostAsJsonAsync("/v1/webhooks", new { url = "https://93.184.215.14/", eventTypes = new[] { "shop.none" } });
        var id = created.Headers.Location!.ToString().Split('/')[^1];
        using var tested = await client.PostAsync($"{created.Headers.Location}/test", null);
        var delivery = tested.Headers.Location!.ToString().Split('/')[^1];
        var (webhook, customer) = (new Dictionary<string, string>
        {
            ["id"] = id, ["deliveryId"] = delivery,
        }, new Dictionary<string, string> { ["id"] = user.UserId.ToString() });

        await new TenantWalk<Program>(service, north)
            .Of("GET /v1/notifications", user.UserId.ToString())
            .Of("GET /v1/statistics/notifications", id)
            .Of("GET /v1/users/{id}/notification-preferences", "orderShipped", customer)
            .Of("PUT /v1/users/{id}/notification-preferences", "", customer, new { welcome = true })
            .Without("makes one of the caller's tenant", "POST /v1/webhooks")
            .Of("GET /v1/webhooks", id)
            .Of("GET /v1/webhooks/{id}", id, webhook)
            .Of("GET /v1/webhook-deliveries", delivery)
            .Of("GET /v1/webhooks/{id}/deliveries", delivery, webhook)
            .Of("GET /v1/webhooks/{id}/deliveries/{deliveryId}", delivery, webhook)
            .Of("PATCH /v1/webhooks/{id}", "", webhook, new { description = "changed" })
            .Of("POST /v1/webhooks/{id}/rotate-secret", "", webhook)
            .Of("POST /v1/webhooks/{id}/test", "", webhook)
            .Of("POST /v1/webhooks/{id}/deliveries/{deliveryId}/redeliver", "", webhook)
            .Of("POST /v1/webhooks/{id}/deliveries/redeliver", "", webhook, new { from = DateTimeOffset.UtcNow.AddHours(-1) })
            .Of("DELETE /v1/webhooks/{id}", "", webhook)
            .VerifyAsync();
    }

    [Fact]
    public Task Every_table_says_whose_it_is() => service.Database.VerifyTenantsAsync(new Dictionary<string, string>
    {
        ["notification_preferences"] = "the contact's",
        ["webhook_secrets"] = "the webhook's",
        ["webhook_events"] = "the body carries the tenant; read by the webhook's deliveries only",
        ["webhook_deliveries"] = "the webhook's",
        ["webhook_attempts"] = "the webhook's",
    });

    [Fact]
    public void Settings_with_whatever_wrong_in_them_are_refused() => SettingsWalk.Verify(service.Services).ShouldBeGreaterThan(10);

    [Fact]
    public async Task The_model_fits_the_tables()
    {
        await using var scope = service.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<NotificationsDbContext>().VerifySchemaAsync(
            service.Database.Migrations,
            "contacts.email_version", "contacts.name_version", "contacts.locale_version", "contacts.active_version",
            "mails.claim", "mails.unconfirmed", "mails.event_time", "webhooks.last_failed_at", "webhook_events.event_time", "webhook_deliveries.claim");
    }

    [Fact]
    public async Task Customers_see_their_own_notifications_and_preferences_and_nobody_elses()
    {
        var (mine, other) = (await service.Register(), await service.Register());
        await service.MailsTo(mine.Email);
        await service.MailsTo(other.Email);
        using var client = service.ClientFor(mine.UserId);

        // The mailbox has a mail a moment before the service has noted it.
        var items = await Poll.UntilAsync(
            async () => (await client.GetFromJsonAsync<JsonElement>("/v1/notifications")).GetProperty("items").EnumerateArray().ToList(),
            all => all.TrueForAll(item => item.GetProperty("status").GetString() == "sent"), "the mails to be noted as sent");
        items.ShouldHaveSingleItem().GetProperty("recipient").GetString().ShouldBe(mine.Email);
        (await client.GetAsync($"/v1/notifications?userId={mine.UserId}")).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await client.GetAsync($"/v1/notifications?userId={other.UserId}")).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await client.GetAsync($"/v1/users/{other.UserId}/notification-preferences")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await client.PutAsJsonAsync($"/v1/users/{other.UserId}/notification-preferences", new { welcome = false })).StatusCode.ShouldBe(
            HttpStatusCode.NotFound);
        (await client.GetAsync("/v1/notifications?orderId=nonsense")).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Whoever_knows_nothing_of_a_user_says_so()
    {
        using var client = service.Operator();
        (await client.GetAsync($"/v1/users/{Guid.CreateVersion7()}/notification-preferences")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await client.GetAsync($"/v1/webhooks/{Someone}")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await client.GetAsync($"/v1/webhooks/{Someone}/deliveries")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await client.PostAsync($"/v1/webhooks/{Someone}/test", null)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }
}
