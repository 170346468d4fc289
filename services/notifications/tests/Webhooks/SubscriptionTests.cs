using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Testing;
using Notifications.Tests.Support;
using Notifications.Webhooks;
using Npgsql;

namespace Notifications.Tests.Webhooks;

public class SubscriptionTests(NotificationsFixture service)
{
    private static object Body(string url = "https://93.184.215.14/hooks", params string[] types) =>
        new { url, eventTypes = types.Length == 0 ? ["shop.order.*"] : types, description = "a partner" };

    [Fact]
    public async Task The_secret_is_shown_once()
    {
        using var client = service.Operator();
        using var created = await client.PostAsJsonAsync("/v1/webhooks", Body());
        created.StatusCode.ShouldBe(HttpStatusCode.Created);
        var webhook = await created.Content.ReadFromJsonAsync<JsonElement>();
        webhook.GetProperty("secret").GetString()!.ShouldStartWith("whsec_");
        webhook.GetProperty("status").GetString().ShouldBe("active");
        created.Headers.Location!.ToString().ShouldBe($"/v1/webhooks/{webhook.GetProperty("id").GetGuid()}");

        (await client.GetStringAsync(created.Headers.Location)).ShouldNotContain("whsec_");
        (await client.GetStringAsync("/v1/webhooks")).ShouldNotContain("whsec_");
    }

    [Fact]
    public async Task A_webhook_is_changed_by_whoever_saw_its_latest_version_and_deleted_with_its_history()
    {
        using var client = service.Operator();
        using var created = await client.PostAsJsonAsync("/v1/webhooks", Body());
        var location = created.Headers.Location;
        var tag = created.Headers.ETag!;

        using var stale = new HttpRequestMessage(HttpMethod.Patch, location)
        {
            Content = JsonContent.Create(new { description = "x" }), Headers = { { "If-Match", "\"77\"" } },
        };
        (await client.SendAsync(stale)).StatusCode.ShouldBe(HttpStatusCode.PreconditionFailed);

        using var change = new HttpRequestMessage(HttpMethod.Patch, location)
        {
            Content = JsonContent.Create(new { eventTypes = new[] { "shop.user.*" }, status = "disabled" }),
            Headers = { { "If-Match", tag.ToString() } },
        };
        using var changed = await client.SendAsync(change);
        changed.StatusCode.ShouldBe(HttpStatusCode.OK);
        var webhook = await changed.Content.ReadFromJsonAsync<JsonElement>();
        webhook.GetProperty("eventTypes")[0].GetString().ShouldBe("shop.user.*");
        webhook.GetProperty("description").GetString().ShouldBe("a partner");
        webhook.GetProperty("status").GetString().ShouldBe("disabled");
        changed.Headers.ETag.ShouldNotBe(tag);

        (await client.DeleteAsync(location)).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        (await client.GetAsync(location)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await client.DeleteAsync(location)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Who_asks_for_a_secret_while_the_webhook_is_deleted_is_told_so()
    {
        using var client = service.Operator();
        using var created = await client.PostAsJsonAsync("/v1/webhooks", Body());
        var location = created.Headers.Location!;
        await using var connection = new NpgsqlConnection(service.Database.Migrations);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var deletion = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await using (var delete = new NpgsqlCommand($"DELETE FROM webhooks WHERE id = '{location.OriginalString.Split('/')[^1]}'", connection, deletion))
        {
            (await delete.ExecuteNonQueryAsync(TestContext.Current.CancellationToken)).ShouldBe(1);
        }

        var rotation = client.PostAsync($"{location}/rotate-secret", null);
        await Poll.UntilAsync(
            () => service.Database.WaitersBehindAsync(connection.ProcessID), waiting => waiting == 1, "the rotation to wait for the deletion");
        await deletion.CommitAsync(TestContext.Current.CancellationToken);

        using var refused = await rotation;
        refused.StatusCode.ShouldBe(HttpStatusCode.Conflict);
        (await refused.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("type").GetString()!.ShouldEndWith("concurrent_change");
        (await client.PostAsync($"{location}/rotate-secret", null)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Theory]
    [InlineData("""{"url": "https://169.254.169.254/", "eventTypes": ["shop.order.*"]}""", "url")]
    [InlineData("""{"url": "ftp://partner.com/", "eventTypes": ["shop.order.*"]}""", "url")]
    [InlineData("""{"url": "not a url", "eventTypes": ["shop.order.*"]}""", "url")]
    [InlineData("""{"url": "https://partner.com/", "eventTypes": []}""", "eventTypes")]
    [InlineData("""{"url": "https://partner.com/", "eventTypes": ["shop.ord*"]}""", "eventTypes[0]")]
    [InlineData("""{"url": "https://partner.com/"}""", null)]
    [InlineData("""{"url": "https://partner.com/", "eventTypes": ["shop.order.*"], "secret": "mine"}""", null)]
    [InlineData("""{"url": 7, "eventTypes": ["shop.order.*"]}""", null)]
    public async Task A_wrong_request_is_refused_with_the_field(string body, string? field)
    {
        using var client = service.Operator();
        using var response = await client.PostAsync("/v1/webhooks", new StringContent(body, System.Text.Encoding.UTF8, "application/json"));
        response.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        response.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        if (field is not null)
        {
            (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("errors").TryGetProperty(field, out _).ShouldBeTrue();
        }
    }

    [Fact]
    public async Task The_same_idempotency_key_registers_one_webhook()
    {
        using var client = service.Operator();
        var key = Guid.NewGuid().ToString();
        var ids = new List<Guid>();
        for (var i = 0; i < 2; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/webhooks")
            {
                Content = JsonContent.Create(Body()), Headers = { { "Idempotency-Key", key } },
            };
            using var response = await client.SendAsync(request);
            response.StatusCode.ShouldBe(HttpStatusCode.Created);
            ids.Add((await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetGuid());
        }

        ids[0].ShouldBe(ids[1]);
    }

    [Fact]
    public async Task Lists_come_in_pages_newest_first()
    {
        using var client = service.Operator();
        var ids = new List<Guid>();
        for (var i = 0; i < 3; i++)
        {
            using var created = await client.PostAsJsonAsync("/v1/webhooks", Body());
            ids.Insert(0, (await created.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetGuid());
        }

        var seen = new List<Guid>();
        string? cursor = null;
        do
        {
            var page = await client.GetFromJsonAsync<JsonElement>($"/v1/webhooks?limit=2{(cursor is null ? "" : $"&cursor={cursor}")}");
            page.GetProperty("items").GetArrayLength().ShouldBeInRange(1, 2);
            seen.AddRange(page.GetProperty("items").EnumerateArray().Select(i => i.GetProperty("id").GetGuid()));
            cursor = page.GetProperty("nextCursor").GetString();
        }
        while (cursor is not null);

        seen.Distinct().Count().ShouldBe(seen.Count);
        seen.Where(ids.Contains).ShouldBe(ids);
        (await client.GetAsync("/v1/webhooks?limit=201")).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await client.GetAsync("/v1/webhooks?cursor=nonsense")).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await client.GetAsync("/v1/webhooks?status=Active")).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task The_queue_takes_what_somebody_has_asked_for_and_nothing_else()
    {
        using var client = service.Operator();
        var (mine, other) = ($"shop.{Guid.CreateVersion7():n}.*", $"shop.{Guid.CreateVersion7():n}.one.v1");
        using var created = await client.PostAsJsonAsync("/v1/webhooks", Body(types: [mine]));
        created.StatusCode.ShouldBe(HttpStatusCode.Created);
        (await Topics()).ShouldContain(mine + ".#", "it is bound before the answer");

        using var changed = await client.PatchAsJsonAsync(created.Headers.Location, new { eventTypes = new[] { other } });
        changed.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await Topics()).ShouldContain(other);
        await Poll.UntilAsync(Topics, topics => !topics.Contains(mine + ".#"), "the queue to be unbound from what nobody asks for any more");

        (await client.DeleteAsync(created.Headers.Location)).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        await Poll.UntilAsync(Topics, topics => !topics.Contains(other), "the queue to be unbound from what a webhook wanted that is gone");
    }

    [Fact]
    public Task Events_that_nobody_takes_are_not_kept_among_the_unrouted_ones() => Poll.UntilAsync(
        async () => (await service.Vhost.GetAsync("bindings")).EnumerateArray().Any(
            b => b.GetProperty("destination").GetString() == WebhookBindings.Ignored || Key(b) == "shop.#"),
        "the webhooks to take everything, or what they do not take to be ignored");

    private async Task<List<string>> Topics() =>
        [
            .. (await service.Vhost.GetAsync("bindings"))
                .EnumerateArray()
                .Where(b => b.GetProperty("destination").GetString() == NotificationQueues.Webhooks)
                .Select(Key),
        ];

    private static string Key(JsonElement binding) => binding.GetProperty("routing_key").GetString()!;
}
