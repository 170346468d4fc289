using System.Net;
using System.Net.Http.Json;
using Npgsql;
using static Orders.Tests.OrdersFixture;

namespace Orders.Tests.Features;

public sealed class Changing_an_order(OrdersFixture orders)
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Puts_items_in_and_takes_them_out_while_it_is_a_draft()
    {
        using var client = orders.Customer();
        var id = await Draft(client);

        using var added = await client.PostAsJsonAsync($"/v1/orders/{id}/items", new { sku = Desk, quantity = 1 }, Cancelled);
        added.StatusCode.ShouldBe(HttpStatusCode.OK);
        added.Headers.ETag!.Tag.ShouldBe("\"3\"");
        (await Json(added))["total"]!["amount"]!.GetValue<string>().ShouldBe("288.98");

        using var removed = await client.DeleteAsync(new Uri($"/v1/orders/{id}/items/{Lamp}", UriKind.Relative), Cancelled);
        removed.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await Json(removed))["items"]!.AsArray().Count.ShouldBe(1);

        using var again = await client.DeleteAsync(new Uri($"/v1/orders/{id}/items/{Lamp}", UriKind.Relative), Cancelled);
        again.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        using var unknown = await client.PostAsJsonAsync($"/v1/orders/{id}/items", new { sku = "NOBODY-KNOWS-IT", quantity = 1 }, Cancelled);
        unknown.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await Json(unknown))["errors"]!.AsObject().Single().Key.ShouldBe("sku");
        using var tooMany = await client.PostAsJsonAsync($"/v1/orders/{id}/items", new { sku = Desk, quantity = 10_000 }, Cancelled);
        tooMany.StatusCode.ShouldBe(HttpStatusCode.Conflict);
    }

    [Fact]
    public async Task Is_over_once_it_is_submitted()
    {
        using var client = orders.Customer();
        var id = await Place(client);

        using var added = await client.PostAsJsonAsync($"/v1/orders/{id}/items", new { sku = Desk, quantity = 1 }, Cancelled);
        using var removed = await client.DeleteAsync(new Uri($"/v1/orders/{id}/items/{Lamp}", UriKind.Relative), Cancelled);
        using var submitted = await client.PostAsJsonAsync($"/v1/orders/{id}/submit", Submission, Cancelled);

        added.StatusCode.ShouldBe(HttpStatusCode.Conflict);
        (await Json(added))["type"]!.GetValue<string>().ShouldEndWith("order_not_draft");
        removed.StatusCode.ShouldBe(HttpStatusCode.Conflict);
        submitted.StatusCode.ShouldBe(HttpStatusCode.Conflict);
    }

    [Fact]
    public async Task Heeds_the_version_that_the_caller_has_seen()
    {
        using var client = orders.Customer();
        var id = await Draft(client);

        (await Post(client, $"/v1/orders/{id}/items", new { sku = Desk, quantity = 1 }, "\"1\"")).ShouldBe(HttpStatusCode.PreconditionFailed);
        (await Post(client, $"/v1/orders/{id}/items", new { sku = Desk, quantity = 1 }, "\"2\"")).ShouldBe(HttpStatusCode.OK);
        (await Post(client, $"/v1/orders/{id}/submit", Submission, "\"2\"")).ShouldBe(HttpStatusCode.PreconditionFailed);
        (await Post(client, $"/v1/orders/{id}/submit", Submission, "\"3\"")).ShouldBe(HttpStatusCode.Accepted);
        (await Post(client, $"/v1/orders/{id}/cancel", new { reason = "x" }, "W/\"4\"")).ShouldBe(HttpStatusCode.PreconditionFailed);
        (await Post(client, $"/v1/orders/{id}/cancel", new { reason = "x" }, "*")).ShouldBe(HttpStatusCode.Accepted);
    }

    [Fact]
    public async Task Answers_409_when_others_have_been_changing_it_for_too_long()
    {
        using var client = orders.Customer();
        var id = await Draft(client);
        await using var other = new NpgsqlConnection(orders.Database.Runtime);
        await other.OpenAsync(Cancelled);
        await using var deciding = await other.BeginTransactionAsync(Cancelled);
        await using var locked = new NpgsqlCommand($"SELECT pg_advisory_xact_lock(hashtextextended('{id}', 0))", other, deciding);
        await locked.ExecuteNonQueryAsync(Cancelled);

        using var refused = await client.PostAsJsonAsync($"/v1/orders/{id}/items", new { sku = Desk, quantity = 1 }, Cancelled);
        refused.StatusCode.ShouldBe(HttpStatusCode.Conflict);
        (await Json(refused))["type"]!.GetValue<string>().ShouldEndWith("concurrent_change");

        await deciding.RollbackAsync(Cancelled);
        using var added = await client.PostAsJsonAsync($"/v1/orders/{id}/items", new { sku = Desk, quantity = 1 }, Cancelled);
        added.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Submits_a_draft_that_has_items()
    {
        using var client = orders.Customer();
        var id = await Draft(client);
        using var removed = await client.DeleteAsync(new Uri($"/v1/orders/{id}/items/{Lamp}", UriKind.Relative), Cancelled);
        using var empty = await client.PostAsJsonAsync($"/v1/orders/{id}/submit", Submission, Cancelled);
        empty.StatusCode.ShouldBe(HttpStatusCode.Conflict);

        using var added = await client.PostAsJsonAsync($"/v1/orders/{id}/items", new { sku = Desk, quantity = 1 }, Cancelled);
        using var submitted = await client.PostAsJsonAsync($"/v1/orders/{id}/submit", Submission, Cancelled);
        submitted.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        submitted.Headers.Location!.ToString().ShouldBe($"/v1/orders/{id}");
        (await Json(submitted))["status"]!.GetValue<string>().ShouldBe("submitted");
    }

    [Fact]
    public async Task Cancels_a_draft_at_once_and_an_order_under_way_in_due_course()
    {
        using var client = orders.Customer();
        var draft = await Draft(client);
        (await Post(client, $"/v1/orders/{draft}/cancel", new { reason = "too dear" })).ShouldBe(HttpStatusCode.Accepted);
        var cancelled = await Get(client, draft);
        cancelled["status"]!.GetValue<string>().ShouldBe("cancelled");
        cancelled["reason"]!.GetValue<string>().ShouldBe("too dear");
        (await Post(client, $"/v1/orders/{draft}/cancel", new { reason = "again" })).ShouldBe(HttpStatusCode.Conflict);

        var placed = await Place(client);
        (await Post(client, $"/v1/orders/{placed}/cancel", new { reason = "changed my mind" })).ShouldBe(HttpStatusCode.Accepted);
        (await Post(client, $"/v1/orders/{placed}/cancel", new { reason = "changed my mind" })).ShouldBe(HttpStatusCode.Accepted);
        var underWay = await Get(client, placed);
        underWay["status"]!.GetValue<string>().ShouldBe("submitted");
        underWay["cancellationRequested"]!.GetValue<bool>().ShouldBeTrue();
        underWay["version"]!.GetValue<long>().ShouldBe(4);
        (await Post(client, $"/v1/orders/{placed}/cancel", new { reason = "" })).ShouldBe(HttpStatusCode.BadRequest);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task By_50_at_the_same_time_ends_in_one_legal_history(int seed)
    {
        using var client = orders.Customer();
        var id = await Draft(client, lamps: 1);
        string[] wishes =
        [
            .. Enumerable.Repeat("add", 18), .. Enumerable.Repeat("remove", 12), .. Enumerable.Repeat("submit", 12), .. Enumerable.Repeat("cancel", 8),
        ];
        new Random(seed).Shuffle(wishes);
        var answers = await Task.WhenAll(wishes.Select(async wish => (Wish: wish, Status: await (wish switch
        {
            "add" => Post(client, $"/v1/orders/{id}/items", new { sku = Desk, quantity = 1 }),
            "remove" => Delete(client, $"/v1/orders/{id}/items/{Desk}"),
            "submit" => Post(client, $"/v1/orders/{id}/submit", Submission),
            _ => Post(client, $"/v1/orders/{id}/cancel", new { reason = "race" }),
        }))));

        answers.ShouldAllBe(
            a => a.Status == HttpStatusCode.OK
                || a.Status == HttpStatusCode.Accepted
                || a.Status == HttpStatusCode.Conflict
                || (a.Wish == "remove" && a.Status == HttpStatusCode.NotFound));
        using var response = await client.GetAsync(new Uri($"/v1/orders/{id}/events?limit=200", UriKind.Relative), Cancelled);
        var events = (await Json(response))["items"]!.AsArray();
        events.Select(e => e!["version"]!.GetValue<long>()).ShouldBe(Enumerable.Range(1, events.Count).Select(v => (long)v));

        // Drafted, changed, perhaps submitted, cancelled: nothing comes twice and nothing after its time.
        string.Join(' ', events.Select(e => e!["eventType"]!.GetValue<string>()["order.".Length..]))
            .ShouldMatch("^drafted item-added( item-added| item-removed)*( submitted cancellation-requested| cancelled)$");
        Happened("order.item-added").ShouldBe(1 + Succeeded("add"), "what was accepted has happened, and nothing else");
        Happened("order.item-removed").ShouldBe(Succeeded("remove"));
        Happened("order.submitted").ShouldBe(Succeeded("submit"));
        (await Get(client, id)).ToJsonString().ShouldBe((await Get(client, id, $"?asOf={events.Count}")).ToJsonString());

        int Happened(string type) => events.Count(e => e!["eventType"]!.GetValue<string>() == type);
        int Succeeded(string wish) => answers.Count(a => a.Wish == wish && (int)a.Status < 300);
    }

    [Fact]
    public async Task Loses_none_of_many_concurrent_additions()
    {
        using var client = orders.Customer();
        var id = await Draft(client, lamps: 1);
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Post(client, $"/v1/orders/{id}/items", new { sku = Lamp, quantity = 1 })));

        answers.ShouldAllBe(s => s == HttpStatusCode.OK);
        (await Get(client, id))["items"]![0]!["quantity"]!.GetValue<int>().ShouldBe(21);
    }

    private static async Task<HttpStatusCode> Delete(HttpClient client, string path)
    {
        using var response = await client.DeleteAsync(new Uri(path, UriKind.Relative), Cancelled);
        return response.StatusCode;
    }

    private static async Task<HttpStatusCode> Post(HttpClient client, string path, object body, string? ifMatch = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(body) };
        if (ifMatch is not null)
        {
            request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        }

        using var response = await client.SendAsync(request, Cancelled);
        return response.StatusCode;
    }
}
