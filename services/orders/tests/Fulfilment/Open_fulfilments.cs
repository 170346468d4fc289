using System.Net;
using System.Text.Json.Nodes;
using Chassis.Testing;
using Microsoft.Extensions.DependencyInjection;
using Orders.Fulfilment;

namespace Orders.Tests.Fulfilment;

/// <summary>What operators see of all orders at once, while nobody else orders.</summary>
public sealed class Open_fulfilments(Open_fulfilments.Alone fixture) : IClassFixture<Open_fulfilments.Alone>
{
    private const string Lists = "/v1/ops/fulfilments";

    [Fact]
    public async Task Are_listed_longest_in_their_state_first_with_whom_they_wait_for()
    {
        using var customer = fixture.Customer();
        using var @operator = fixture.Operator();
        var ended = await FulfilmentFixture.Place(customer, "pm_card_visa");
        await FulfilmentFixture.Story(customer, ended, "completed");
        var reserving = await FulfilmentFixture.Place(customer, "pm_card_visa", FakeInventory.NeverAnswers);
        await FulfilmentFixture.Story(customer, reserving, "reservingStock");
        var shipping = await FulfilmentFixture.Place(customer, "pm_card_visa", FakeInventory.ShipsByHand);
        await FulfilmentFixture.Story(customer, shipping, "shipping");
        Guid[] mine = [reserving, shipping, ended];

        var listed = (await Items(@operator, $"{Lists}?limit=200")).Where(f => mine.Contains(Order(f))).ToList();
        listed.Select(Order).ShouldBe([reserving, shipping], "what has ended is not open");
        var first = listed[0];
        var story = (await FulfilmentFixture.Read(@operator, $"/v1/orders/{reserving}/fulfilment"))!;
        foreach (var name in new[] { "state", "awaiting", "deadlineAt", "traceId" })
        {
            first[name]?.ToJsonString().ShouldBe(story[name]?.ToJsonString(), name);
        }

        first["since"]!.GetValue<DateTimeOffset>().ShouldBe(story["steps"]![0]!["started"]!.GetValue<DateTimeOffset>(), TimeSpan.FromMilliseconds(1));
        first["startedAt"]!.ToJsonString().ShouldBe(story["started"]!.ToJsonString());
        first["attempt"]!.GetValue<int>().ShouldBe(1);
        first["ageSeconds"]!.GetValue<double>().ShouldBeGreaterThan(0);

        (await Items(@operator, $"{Lists}?state=shipping&limit=200")).Select(Order).Where(mine.Contains).ShouldBe([shipping]);
        (await Items(@operator, $"{Lists}?olderThanSeconds=3600&limit=200")).Select(Order).ShouldNotContain(id => mine.Contains(id));
        await fixture.Database.ExecuteAsync($"UPDATE fulfilments SET changed_at = changed_at - interval '2 hours' WHERE order_id = '{shipping}'");
        (await Items(@operator, $"{Lists}?olderThanSeconds=3600&limit=200")).Select(Order).Where(mine.Contains).ShouldBe([shipping]);
        (await Items(@operator, $"{Lists}?limit=200")).Select(Order).Where(mine.Contains).ShouldBe([shipping, reserving]);

        (await Items(@operator, $"{Lists}?orderId={ended}")).ShouldHaveSingleItem()["state"]!.GetValue<string>().ShouldBe("completed");
        (await Items(@operator, $"{Lists}?orderId={shipping}&state=reservingStock")).ShouldBeEmpty();

        var states = await Items(@operator, $"{Lists}/states");
        states.Single(s => s["state"]!.GetValue<string>() == "shipping")["count"]!.GetValue<int>().ShouldBePositive();
        states.Single(s => s["state"]!.GetValue<string>() == "shipping")["oldestAt"]!.GetValue<DateTimeOffset>().ShouldBe(
            (await Items(@operator, $"{Lists}?orderId={shipping}"))[0]["since"]!.GetValue<DateTimeOffset>());
        states.ShouldNotContain(s => s["state"]!.GetValue<string>() == "completed");
    }

    [Fact]
    public async Task Come_page_by_page_each_once_also_those_of_one_moment()
    {
        var user = OrdersFixture.NewId();
        await fixture.Database.ExecuteAsync(
            $$"""
            INSERT INTO fulfilments (order_id, state, user_id, items, amount, currency, payment_method, authorized, refunded, attempt, started_at, changed_at, steps)
            SELECT gen_random_uuid(), (ARRAY['Shipping', 'CapturingPayment', 'Confirming'])[1 + n % 3], '{{user}}', '[]', 1, 'EUR', 'pm', false, false, 1, now(),
                timestamptz '2026-01-01' + (n / 4) * interval '1 second',
                '[{"step": "Shipping", "started": "2026-01-01T00:00:00Z", "attempt": 1}]' FROM generate_series(1, 20) AS n
            """);
        using var @operator = fixture.Operator();
        var (seen, cursor) = (new List<Guid>(), string.Empty);
        do
        {
            var page = (await FulfilmentFixture.Read(@operator, $"{Lists}?limit=3&olderThanSeconds=100{cursor}"))!;
            seen.AddRange(page["items"]!.AsArray().Select(i => Order(i!)));
            cursor = page["nextCursor"] is { } next ? $"&cursor={next.GetValue<string>()}" : null;
        }
        while (cursor is not null);

        var theirs = await fixture.Database.ScalarAsync<string>(
            $"SELECT string_agg(order_id::text, ' ' ORDER BY changed_at, order_id) FROM fulfilments WHERE user_id = '{user}'");
        string.Join(' ', seen.Where(id => theirs!.Contains(id.ToString(), StringComparison.Ordinal))).ShouldBe(theirs);
        await fixture.Database.ExecuteAsync($"DELETE FROM fulfilments WHERE user_id = '{user}'");
    }

    [Theory]
    [InlineData("?state=lost")]
    [InlineData("?state=completed")]
    [InlineData("?olderThanSeconds=-1")]
    [InlineData("?orderId=mine")]
    [InlineData("?cursor=garbage")]
    public async Task Are_not_asked_for_in_a_way_that_makes_no_sense(string query)
    {
        using var @operator = fixture.Operator();
        using var refused = await @operator.GetAsync(new Uri(Lists + query, UriKind.Relative), TestContext.Current.CancellationToken);
        refused.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await OrdersFixture.Json(refused))["errors"]!.AsObject().Count.ShouldBePositive();
    }

    [Fact]
    public async Task Go_the_ways_that_the_table_of_the_saga_has_and_no_others()
    {
        using var @operator = fixture.Operator();
        var graph = (await FulfilmentFixture.Read(@operator, $"{Lists}/graph"))!;
        var drawn = graph["transitions"]!.AsArray().Select(t => $"{t!["from"]} → {t["to"]}").Distinct().Order(StringComparer.Ordinal);
        drawn.ShouldBe(Every_state_answers_every_event.Ways().Select(w => $"{Name(w.From)} → {Name(w.To)}").Append("notStarted → reservingStock")
            .Distinct().Order(StringComparer.Ordinal));
        var reserving = graph["transitions"]!.AsArray().Where(t => t!["from"]!.GetValue<string>() == "reservingStock");
        reserving.Select(t => $"{t!["on"]} → {t["to"]}").Order(StringComparer.Ordinal).ShouldBe(
        [
            "cancellationRequested → releasingStock", "deadline → releasingStock", "stockReleased → failed", "stockReservationFailed → failed",
            "stockReserved → authorizingPayment",
        ]);

        var states = graph["states"]!.AsArray().ToDictionary(
            s => s!["name"]!.GetValue<string>(), s => (s!["kind"]!.GetValue<string>(), s["reachable"]!.GetValue<bool>()));
        states.Count.ShouldBe(17);
        states["notStarted"].ShouldBe(("start", true));
        states["shipping"].ShouldBe(("waiting", true));
        states["confirming"].ShouldBe(("waiting", false), "nobody comes there but from the version before");
        states.Where(s => s.Value.Item1 == "final").Select(s => s.Key).ShouldBe(["completed", "failed", "cancelled"], ignoreOrder: true);
        fixture.Services.GetRequiredService<FulfilmentGraph>().Open.Count.ShouldBe(13);
    }

    private static string Name(string state) => char.ToLowerInvariant(state[0]) + state[1..];

    private static Guid Order(JsonNode item) => item["orderId"]!.GetValue<Guid>();

    private static async Task<List<JsonNode>> Items(HttpClient client, string path) =>
        [.. (await FulfilmentFixture.Read(client, path))!["items"]!.AsArray().Select(i => i!)];

    public sealed class Alone : FulfilmentFixture;
}
