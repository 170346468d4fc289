using System.Net;
using System.Net.Http.Json;
using Chassis.Testing;
using Contracts.Events;
using Orders.Domain;
using Shop.Contracts.Inventory.V1;
using static Orders.Tests.OrdersFixture;

namespace Orders.Tests.Features;

/// <summary>The local copies: an order never waits for another service to be accepted.</summary>
public sealed class Knowing_products_and_customers(OrdersFixture orders)
{
    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Follows_prices_by_their_sequence_and_not_by_arrival()
    {
        await orders.Publish(new ProductPriceChanged("ORDERLY", Euro(1), Euro(3), Now), 3);
        await Known("ORDERLY", "price = 3 AND name IS NULL");
        using var client = orders.Customer();
        (await Order(client, "ORDERLY")).ShouldBe(HttpStatusCode.BadRequest);

        await orders.Publish(new ProductPriceChanged("ORDERLY", Euro(1), Euro(2), Now), 2);
        await orders.Publish(new ProductAdded("ORDERLY", "Late", Euro(1), [], Now), 1);
        await Known("ORDERLY", "name = 'Late' AND price = 3");
        (await Order(client, "ORDERLY")).ShouldBe(HttpStatusCode.Created);
    }

    [Fact]
    public async Task Takes_no_sequence_that_nobody_can_have_reached()
    {
        await orders.AddProduct("ABSURD", "5.00");
        await orders.Publish(new ProductPriceChanged("ABSURD", Euro(5), Euro(6), Now), 9_000_000_000_000_000_000);
        await Poll.UntilAsync(
            () => orders.Database.ScalarAsync<long>(
                "SELECT count(*) FROM messaging.dead_letters WHERE reason = 'invalid' AND convert_from(body, 'UTF8') LIKE '%ABSURD%'"),
            n => n == 1,
            "the nonsense to be a dead letter");
        await orders.Publish(new ProductPriceChanged("ABSURD", Euro(5), Euro(7), Now), 2);
        await Known("ABSURD", "price = 7");
    }

    [Fact]
    public async Task Is_told_anew_by_the_owner_when_it_has_believed_a_sequence_that_the_owner_has_not_reached()
    {
        var user = NewId();
        await orders.AddProduct("MISLED", "5.00");
        await orders.Publish(new ProductPriceChanged("MISLED", Euro(5), Euro(0.01m), Now), CloudEventEnvelope.MaxSequence);
        await Known("MISLED", "price = 0.01");
        await orders.UserIs(user, "active");
        await orders.Publish(new Shop.Contracts.Users.V1.UserDeactivated(user, "nonsense", Now), CloudEventEnvelope.MaxSequence);
        await Customer(user, "deactivated");

        // What the owners really say is older than that, and ignored.
        await orders.Publish(new ProductPriceChanged("MISLED", Euro(5), Euro(6), Now), 2);
        await orders.Publish(new Shop.Contracts.Users.V1.UserReactivated(user, Now), 3);
        await orders.AddProduct("FENCE", "1.00");
        await Known("MISLED", "price = 0.01");
        await Customer(user, "deactivated");

        using var client = orders.Operator();
        (await Resync("products/MISLED")).ShouldBe(("inventory", "MISLED", "orders.catalogue"));
        (await Resync($"customers/{user}")).ShouldBe(("users", user.ToString(), "orders.catalogue"));
        await Known("MISLED", "price = 0.01");   // until the owner's word comes
        await orders.Publish(new ProductPriceChanged("MISLED", Euro(5), Euro(6), Now), 2);
        await orders.Publish(new Shop.Contracts.Users.V1.UserReactivated(user, Now), 3);
        await Known("MISLED", "price = 6");
        await Customer(user, "active");
        await orders.Publish(new ProductPriceChanged("MISLED", Euro(6), Euro(8), Now), 3);
        await Known("MISLED", "price = 8");

        using var nobody = await client.PostAsync(new Uri("/v1/ops/copies/products/NOTHING-OF-THE-KIND/resync", UriKind.Relative), null, Cancelled);
        nobody.StatusCode.ShouldBe(HttpStatusCode.NotFound);

        async Task<(string, string, string)> Resync(string copy)
        {
            using var answer = await client.PostAsync(new Uri($"/v1/ops/copies/{copy}/resync", UriKind.Relative), null, Cancelled);
            answer.StatusCode.ShouldBe(HttpStatusCode.Accepted);
            var told = await Json(answer);
            return (told["owner"]!.GetValue<string>(), told["subject"]!.GetValue<string>(), told["destination"]!.GetValue<string>());
        }

        Task Customer(Guid id, string status) => Poll.UntilAsync(
            async () => await orders.Database.ScalarAsync<long>($"SELECT count(*) FROM catalogue_users WHERE user_id = '{id}' AND status = '{status}'") == 1,
            $"the customer to be {status}");
    }

    [Fact]
    public async Task Sells_what_is_not_discontinued()
    {
        await orders.AddProduct("ENDING", "5.00");
        using var client = orders.Customer();
        using var created = await client.PostAsJsonAsync("/v1/orders", new { items = new[] { new { sku = "ENDING", quantity = 1 } } }, Cancelled);
        var draft = (await Json(created))["id"]!.GetValue<Guid>();
        await orders.Publish(new ProductDiscontinued("ENDING", Now), 2);
        await Known("ENDING", "discontinued");

        (await Order(client, "ENDING")).ShouldBe(HttpStatusCode.BadRequest);
        using var submitted = await client.PostAsJsonAsync($"/v1/orders/{draft}/submit", Submission, Cancelled);
        submitted.StatusCode.ShouldBe(HttpStatusCode.Conflict);
        (await Json(submitted))["type"]!.GetValue<string>().ShouldEndWith("product_not_sold");
    }

    [Fact]
    public async Task Charges_the_price_of_the_moment_of_submission()
    {
        await orders.AddProduct("MOVING", "5.00");
        using var client = orders.Customer();
        using var created = await client.PostAsJsonAsync("/v1/orders", new { items = new[] { new { sku = "MOVING", quantity = 2 } } }, Cancelled);
        var draft = (await Json(created))["id"]!.GetValue<Guid>();
        await orders.Publish(new ProductPriceChanged("MOVING", Euro(5), Euro(7), Now), 2);
        await Known("MOVING", "price = 7");

        using var submitted = await client.PostAsJsonAsync($"/v1/orders/{draft}/submit", Submission, Cancelled);
        (await Json(submitted))["total"]!["amount"]!.GetValue<string>().ShouldBe("14");
    }

    [Fact]
    public async Task Refuses_a_deactivated_customer_until_reactivated()
    {
        var user = NewId();
        using var client = orders.ClientFor(user);
        await orders.UserIs(user, "active");
        var draft = await Draft(client);
        await orders.UserIs(user, "deactivated");

        (await Order(client, Lamp)).ShouldBe(HttpStatusCode.Forbidden);
        await Until(client, draft, "cancelled");
        await orders.UserIs(user, "reactivated");
        (await Order(client, Lamp)).ShouldBe(HttpStatusCode.Created);
    }

    [Fact]
    public async Task Cancels_open_orders_of_a_customer_who_is_deactivated()
    {
        var user = NewId();
        using var client = orders.ClientFor(user);
        await orders.UserIs(user, "active");
        var draft = await Draft(client);
        var placed = await Place(client);
        var shipped = await Place(client);
        await orders.Do(shipped, now => new Confirm(now));
        await Until(client, shipped, "confirmed");
        await orders.Do(shipped, now => new Ship(new Shipment(NewId(), "DHL", "JD"), now));
        await Until(client, shipped, "shipped");

        await orders.UserIs(user, "deactivated");

        var cancelled = await Until(client, draft, "cancelled");
        cancelled["reason"]!.GetValue<string>().ShouldBe("user_deactivated");
        var underWay = await Poll.UntilAsync(
            () => Get(client, placed),
            o => o["cancellationRequested"]!.GetValue<bool>() || o["status"]!.GetValue<string>() == "cancelled",
            "the order under way to be cancelled");
        underWay["reason"]!.GetValue<string>().ShouldBe("user_deactivated");
        (await Get(client, shipped))["status"]!.GetValue<string>().ShouldBe("shipped");
    }

    [Fact]
    public async Task Leaves_no_open_order_when_orders_and_deactivation_race()
    {
        var user = NewId();
        using var client = orders.ClientFor(user);
        await orders.UserIs(user, "active");
        var answers = new System.Collections.Concurrent.ConcurrentBag<HttpStatusCode>();
        var placing = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            var next = HttpStatusCode.Created;
            while (next is HttpStatusCode.Created or HttpStatusCode.Accepted)
            {
                using var created = await client.PostAsJsonAsync("/v1/orders", new { items = new[] { new { sku = Lamp, quantity = 1 } } }, Cancelled);
                answers.Add(next = created.StatusCode);
                if (created.StatusCode == HttpStatusCode.Created)
                {
                    using var submitted = await client.PostAsJsonAsync($"/v1/orders/{(await Json(created))["id"]}/submit", Submission, Cancelled);
                    answers.Add(next = submitted.StatusCode);
                }
            }
        })).ToArray();
        await Poll.UntilAsync(
            async () => await orders.Database.ScalarAsync<long>($"SELECT count(*) FROM orders WHERE user_id = '{user}'") > 5, "some orders to be placed");
        await orders.UserIs(user, "deactivated");
        await Task.WhenAll(placing);
        answers.Distinct().ShouldBeSubsetOf([HttpStatusCode.Created, HttpStatusCode.Accepted, HttpStatusCode.Forbidden, HttpStatusCode.Conflict]);

        await Poll.UntilAsync(
            () => orders.Database.ScalarAsync<long>(
                $"SELECT count(*) FROM orders WHERE user_id = '{user}' AND status IN ('draft', 'submitted', 'confirmed') AND NOT document ? 'cancellationReason'"),
            open => open == 0,
            "every open order to be cancelled");
    }

    [Fact]
    public async Task Forgets_an_erased_customer_and_keeps_the_shape_of_the_history()
    {
        var user = NewId();
        using var client = orders.ClientFor(user);
        using var @operator = orders.Operator();
        client.DefaultRequestHeaders.Add("Idempotency-Key", Guid.NewGuid().ToString());
        var id = await Place(client);
        await orders.UserIs(user, "erased");

        var order = await Get(@operator, id);
        order["shippingAddress"].ShouldBeNull();
        order["total"]!["amount"]!.GetValue<string>().ShouldBe("39.98");
        (await Get(@operator, id, "?asOf=3"))["shippingAddress"].ShouldBeNull();
        using var events = await @operator.GetAsync(new Uri($"/v1/orders/{id}/events", UriKind.Relative), Cancelled);
        (await events.Content.ReadAsStringAsync(Cancelled)).ShouldNotContain("Lovelace");
        foreach (var (schema, table) in new[]
        {
            ("public", "orders"), ("event_store", "events"), ("public", "idempotency_keys"), ("messaging", "boundary_events"),
        })
        {
            var rows = await orders.Database.ScalarAsync<string>(
                $"SELECT coalesce(string_agg(t::text, ' '), '') FROM {schema}.{table} t WHERE t::text LIKE '%{user}%' OR t::text LIKE '%{id}%'");
            rows.ShouldNotContain("Lovelace", Case.Insensitive, table);
        }

        using var late = orders.ClientFor(user);
        (await Order(late, Lamp)).ShouldBe(HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task Forgets_why_an_erased_customer_has_cancelled_in_every_table()
    {
        var (user, word) = (NewId(), $"Zebulon{Guid.NewGuid():n}");
        using var client = orders.ClientFor(user);
        using var @operator = orders.Operator();
        var (draft, underWay) = (await Draft(client), await Place(client));
        foreach (var id in (Guid[])[draft, underWay])
        {
            using var answer = await client.PostAsJsonAsync($"/v1/orders/{id}/cancel", new { reason = $"{word} has moved" }, Cancelled);
            answer.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        }

        (await Get(client, draft))["reason"]!.GetValue<string>().ShouldBe($"{word} has moved");
        await Poll.UntilAsync(
            async () => await orders.Database.ScalarAsync<long>(
                $"SELECT count(*) FROM fulfilments WHERE order_id = '{underWay}' AND reason LIKE '{word}%'") == 1,
            "the fulfilment to know it");
        (await orders.Database.FindAsync(word)).ShouldNotContain("event_store.events", "what never changes holds it sealed.");

        await orders.UserIs(user, "erased");

        // What is under way leaves with the outbox.
        await Poll.UntilAsync(() => orders.Database.FindAsync(word), tables => tables.Count == 0, "the reason to be nowhere");
        (await Get(@operator, draft))["reason"]!.GetValue<string>().ShouldBe("erased");
        (await Get(@operator, draft, "?asOf=3"))["reason"]!.GetValue<string>().ShouldBe("erased");
        (await Get(@operator, underWay))["reason"]!.GetValue<string>().ShouldBe("erased");
    }

    [Fact]
    public async Task Erases_messages_about_the_customers_orders_and_nobody_elses()
    {
        var (user, stranger) = (NewId(), NewId());
        using var client = orders.ClientFor(user);
        using var other = orders.ClientFor(stranger);
        var (mine, theirs) = (await Place(client), await Place(other));
        foreach (var (id, whose) in new[] { (mine, user), (theirs, stranger) })
        {
            await orders.Database.ScalarAsync<long>(
                $$"""
                INSERT INTO messaging.outbox (message_id, exchange, routing_key, content_type, headers, body, mandatory, scheduled, due_at, parked_at)
                VALUES (gen_random_uuid(), 'nowhere', '', 'application/vnd.masstransit+json', '{}',
                    convert_to('{"messageType": ["urn:message:Orders.Fulfilment:StartFulfilment"], "message": {"orderId": "{{id}}", "userId": "{{whose}}", "paymentMethod": "tok_visa",
                        "items": [{"sku": "LAMP", "quantity": 1}], "address": {"name": "Lovelace", "line1": "Lamp street", "city": "London", "postalCode": "1", "country": "GB"} } }', 'UTF8'),
                    true, false, now(), now())
                RETURNING id
                """);
        }

        await orders.UserIs(user, "erased");

        (await Parked(mine)).ShouldNotContain("Lovelace");
        (await Parked(mine)).ShouldContain("LAMP");
        (await Parked(theirs)).ShouldContain("Lovelace");

        Task<string> Parked(Guid order) =>
            orders.Database.ScalarAsync<string>($"SELECT convert_from(body, 'UTF8') FROM messaging.outbox WHERE parked_at IS NOT NULL AND messaging.about(headers, body) @> ARRAY['{order}'::uuid]")!;
    }

    private static Shop.Contracts.Money Euro(decimal amount) => new(amount, "EUR");

    private static async Task<HttpStatusCode> Order(HttpClient client, string sku, bool submit = false)
    {
        object body = submit
            ? new { items = new[] { new { sku, quantity = 1 } }, submit = Submission }
            : new { items = new[] { new { sku, quantity = 1 } } };
        using var response = await client.PostAsJsonAsync("/v1/orders", body, Cancelled);
        return response.StatusCode;
    }

    private Task Known(string sku, string condition) => Poll.UntilAsync(
        async () => await orders.Database.ScalarAsync<long>($"SELECT count(*) FROM catalogue_products WHERE sku = '{sku}' AND {condition}") == 1,
        $"{sku} with {condition}");
}
