using System.Text.Json;
using Chassis.Testing;
using Contracts.Events;
using Shop.SystemTests.Running;

namespace Shop.SystemTests;

/// <summary>One request is one trace, through every process that it touches, and through what they do later because of it.</summary>
public sealed class One_trace(RunningShop shop)
{
    private const int Server = 2;
    private const int Client = 3;
    private const int Producer = 4;
    private const int Consumer = 5;

    // What every order has in common: the way in, over the outbox and the broker, to inventory and back, and from there to the money.
    private const string Asked =
        """
        orders: POST /v1/orders/ -> orders: create shop.order.submitted.v2
        orders: create shop.order.submitted.v2 -> orders: send shop.order.submitted.v2
        orders: POST /v1/orders/ -> orders: create inventory.commands
        orders: create inventory.commands -> orders: send inventory.commands
        orders: create inventory.commands -> inventory: process inventory.commands
        inventory: process inventory.commands -> inventory: create shop.stock.reserved.v1
        inventory: create shop.stock.reserved.v1 -> inventory: send shop.stock.reserved.v1
        inventory: create shop.stock.reserved.v1 -> orders: process orders.fulfilment
        orders: process orders.fulfilment -> orders: create orders.payments.calls
        orders: create orders.payments.calls -> orders: process orders.payments.calls
        orders: process orders.payments.calls -> orders: POST
        """;

    [Fact]
    public async Task Follows_an_order_that_is_shipped_to_the_mails_and_webhooks_at_its_second_attempt()
    {
        await using var partner = await Partner.OpenAsync(shop, "shop.order.shipped.v1");
        var sku = await shop.ProductAsync(stock: 1);
        shop.Mails.Set(LinkMode.Reset);
        Guid order;
        try
        {
            order = await shop.Customer.OrderAsync("pm_card_visa", (sku, 1));
            await shop.OrderIs(order, "completed");
            await FailsOnce("order-shipped", order);
        }
        finally
        {
            shop.Mails.Set(LinkMode.Open);
        }

        var trace = await TraceOf(order);
        var spans = await Whole(
            [trace],
            Asked
            + """

              orders: process orders.payments.calls -> orders: create shop.payment.processed.v1
              orders: create shop.payment.processed.v1 -> orders: send shop.payment.processed.v1
              orders: process orders.payments.calls -> orders: create shop.order.confirmed.v1
              orders: create shop.order.confirmed.v1 -> notifications: process notifications.mails
              notifications: process notifications.mails -> notifications: mail order-confirmation
              orders: process orders.payments.calls -> orders: create inventory.commands
              inventory: process inventory.commands -> inventory: create shop.shipment.dispatched.v1
              inventory: create shop.shipment.dispatched.v1 -> orders: process orders.fulfilment
              orders: process orders.fulfilment -> orders: create shop.order.shipped.v1
              orders: create shop.order.shipped.v1 -> notifications: process notifications.mails
              notifications: process notifications.mails -> notifications: mail order-shipped
              orders: create shop.order.shipped.v1 -> notifications: process notifications.webhooks
              notifications: process notifications.webhooks -> notifications: deliver webhook
              notifications: deliver webhook -> notifications: POST
              orders: process orders.payments.calls -> orders: create shop.order.completed.v1
              """,
            spans => spans.Count(s => s.Name == "mail order-shipped" && !s.IsError) == 1 && spans.Count(s => s.Name == "deliver webhook" && !s.IsError) == 1);

        // The second attempts stand beside the first ones, which say what they failed of.
        spans.Where(s => s.Name == "mail order-shipped" && s.IsError).ShouldNotBeEmpty();
        spans.Where(s => s.Name == "mail order-shipped" && s.IsError).ShouldAllBe(s => s["error.type"] == "ServerUnavailable");
        spans.Where(s => s.Name == "mail order-shipped").Select(s => s.ParentId).Distinct().ShouldHaveSingleItem();
        var attempts = spans.Where(s => s.Name == "deliver webhook").ToList();
        attempts.Select(s => (s["shop.webhook.attempt"], s["error.type"])).ShouldBe([("1", "503"), ("2", null)], ignoreOrder: true);
        attempts.Select(s => s.ParentId).Distinct().ShouldHaveSingleItem();

        // The partner can go on with it, and is told by which span.
        var heard = partner.Heard.Where(h => h.Subject == order.ToString()).ToList();
        heard.Select(h => h.TraceParent!.Split('-')[2]).ShouldBe(
            spans.Where(s => attempts.Exists(a => a.SpanId == s.ParentId)).Select(s => s.SpanId), ignoreOrder: true);

        foreach (var service in (string[])["orders", "inventory", "notifications"])
        {
            spans.ShouldContain(s => s.Service == service && s.Source.StartsWith("Npgsql", StringComparison.Ordinal));
        }

        FollowConventions(spans);
        await SayNothingOfAnybody(spans, partner.Secret);
    }

    [Fact]
    public async Task Follows_an_order_whose_payment_is_declined()
    {
        await using var partner = await Partner.OpenAsync(shop, "shop.order.failed.v1");
        var sku = await shop.ProductAsync(stock: 1);
        var order = await shop.Customer.OrderAsync("pm_card_declined", (sku, 1));
        await shop.OrderIs(order, "failed");

        await Whole(
            [await TraceOf(order)],
            Asked
            + """

              orders: process orders.payments.calls -> orders: create inventory.commands
              inventory: process inventory.commands -> inventory: create shop.stock.released.v1
              inventory: create shop.stock.released.v1 -> orders: process orders.fulfilment
              orders: process orders.fulfilment -> orders: create shop.order.failed.v1
              orders: create shop.order.failed.v1 -> notifications: process notifications.mails
              notifications: process notifications.mails -> notifications: mail order-failed
              orders: create shop.order.failed.v1 -> notifications: process notifications.webhooks
              notifications: process notifications.webhooks -> notifications: deliver webhook
              """,
            spans => spans.Any(s => s.Name == "deliver webhook" && !s.IsError));
    }

    [Fact]
    public async Task Of_an_order_that_is_cancelled_is_linked_from_that_of_the_cancellation()
    {
        await using var partner = await Partner.OpenAsync(shop, "shop.order.cancelled.v1");
        var sku = await shop.ProductAsync(stock: 1);
        var cancellation = "";
        var order = await shop.OrderHeldAtItsPaymentAsync(shop.Customer, sku, quantity: 1, async order =>
        {
            using var answer = await shop.Customer.SendAsync(
                HttpMethod.Post, "orders", $"/v1/orders/{order}/cancel", new { reason = "ordered twice" }, Guid.NewGuid().ToString());
            cancellation = answer.EnsureSuccessStatusCode().Headers.GetValues("traceresponse").Single().Split('-')[1];
        });
        await shop.OrderIs(order, "cancelled");

        var trace = await TraceOf(order);
        trace.ShouldNotBe(cancellation);
        var spans = await Whole(
            [trace, cancellation],
            Asked
            + """

              orders: process orders.fulfilment -> orders: create shop.order.cancelled.v1
              orders: create shop.order.cancelled.v1 -> notifications: process notifications.mails
              notifications: process notifications.mails -> notifications: mail order-cancelled
              orders: create shop.order.cancelled.v1 -> notifications: process notifications.webhooks
              notifications: process notifications.webhooks -> notifications: deliver webhook
              """,
            spans => spans.Any(s => s.Name == "deliver webhook" && !s.IsError));
        spans.Single(s => s.TraceId == cancellation && s.Kind == Server).Links.ShouldContain(trace);
    }

    [Fact]
    public async Task Goes_on_when_the_process_that_was_at_it_is_killed()
    {
        var sku = await shop.ProductAsync(stock: 1);
        var orders = shop.Cluster.Of("orders")[0];
        Guid order;
        string trace;
        using (shop.Cluster.Of("payment-sandbox")[0].Frozen())
        {
            order = await shop.Customer.OrderAsync("pm_card_visa", (sku, 1));
            await Poll.UntilAsync(() => shop.StateOf(order), s => s == "authorizingPayment", $"order {order} to be at its payment", RunningShop.Patience);
            trace = await TraceOf(order);

            // The step before this one must be heard to its end, or it would be missing for another reason. What ended first is said first.
            await Poll.UntilAsync(
                () => Task.FromResult(new Edges(shop.Telemetry.Trace(trace))),
                tree => tree.Missing("orders: process orders.fulfilment -> orders: create orders.payments.calls").Count == 0,
                "the step before the payment, in the trace",
                RunningShop.Patience);
            orders.Kill();
        }

        orders.Start();
        await orders.WaitUntilReadyAsync();
        await shop.OrderIs(order, "completed");
        await Whole(
            [trace],
            """
            orders: create orders.payments.calls -> orders: process orders.payments.calls
            orders: process orders.payments.calls -> orders: create shop.order.completed.v1
            """,
            _ => true,
            // A span that was open in the killed process is nowhere, and what had ended below it hangs on nothing.
            isLost: span => span.Service == "orders" && span.Kind == Client);
    }

    [Fact]
    public async Task Follows_a_registration_from_users_to_whoever_hears_of_it()
    {
        using var customer = await Shop.Cluster.ShopClient.RegisterAsync(shop.Cluster, "grace");
        var registered = await shop.Broker.HearAsync("shop.user.registered.v1", customer.UserId.ToString());

        var spans = await Whole(
            [registered.Headers[CloudEventHeaders.TraceParent].Split('-')[1]],
            """
            users: POST /v1/users/ -> users: create shop.user.registered.v1
            users: create shop.user.registered.v1 -> users: send shop.user.registered.v1
            users: create shop.user.registered.v1 -> notifications: process notifications.contacts
            users: create shop.user.registered.v1 -> notifications: process notifications.mails
            notifications: process notifications.mails -> notifications: mail welcome
            """,
            spans => spans.Any(s => s.Name == "mail welcome" && !s.IsError));
        await SayNothingOfAnybody(spans, customer);
    }

    [Fact]
    public async Task Is_named_in_the_answer_by_the_correlation_id_of_the_caller()
    {
        var sku = await shop.ProductAsync(stock: 1);
        var order = await shop.Customer.OrderAsync("pm_card_visa", (sku, 1));
        await shop.OrderIs(order, "completed");
        await shop.Broker.HearAsync("shop.order.completed.v1", order.ToString());

        var about = shop.Broker.Heard.Where(
            d => d.Subject == order.ToString()
                || (d.Type.StartsWith("shop.payment", StringComparison.Ordinal) && d.Json.GetProperty("orderId").GetGuid() == order)).ToList();
        about.Select(d => d.Headers[CloudEventHeaders.CorrelationId]).Distinct().ShouldHaveSingleItem();
        about.Where(d => d.Type != "shop.order.submitted.v1" && d.Type != "shop.order.submitted.v2").ShouldAllBe(
            d => d.Headers.ContainsKey(CloudEventHeaders.CausationId));
    }

    /// <summary>Where the order's own answer says that it is to be looked for.</summary>
    private async Task<string> TraceOf(Guid order) => (await shop.FulfilmentOf(order)).GetProperty("traceId").GetString()!;

    private Task<JsonElement> FailsOnce(string template, Guid order) => Poll.UntilAsync(
        () => shop.Operator.GetAsync("notifications", $"/v1/notifications?orderId={order}&template={template}"),
        mails => mails.GetProperty("items").EnumerateArray().Any(m => m.GetProperty("error").ValueKind == JsonValueKind.String),
        $"the mail {template} to fail",
        RunningShop.Patience);

    /// <summary>Waits until the traces hold what they should, and every span but a request of each hangs on another one.</summary>
    private async Task<IReadOnlyList<Span>> Whole(
        string[] traces, string edges, Func<IReadOnlyList<Span>, bool> ended, Func<Span, bool>? isLost = null)
    {
        IReadOnlyList<Span> spans = [];
        try
        {
            return await Poll.UntilAsync(
                () => Task.FromResult(spans = [.. traces.SelectMany(shop.Telemetry.Trace)]),
                found => ended(found) && new Edges(found) is var tree && tree.Missing(edges).Count == 0
                    && tree.Roots.Count(root => isLost?.Invoke(root) != true) == traces.Length,
                "the traces to be whole",
                RunningShop.Patience);
        }
        catch (Exception e)
        {
            var tree = new Edges(spans);
            throw new InvalidOperationException(
                $"Not a tree for each of {string.Join(", ", traces)}. Missing:\n{string.Join('\n', tree.Missing(edges))}\n"
                + $"Roots:\n{string.Join('\n', tree.Roots)}\nThere is:\n{tree}",
                e);
        }
    }

    private static void FollowConventions(IReadOnlyList<Span> spans)
    {
        var messages = spans.Where(s => s.Source == "Chassis.Messaging" && s.Kind is Producer or Consumer).ToList();
        messages.ShouldNotBeEmpty();
        messages.ShouldAllBe(s => s.Name == $"{s["messaging.operation.name"]} {s["messaging.destination.name"]}");
        messages.ShouldAllBe(s => s["messaging.operation.type"] == s["messaging.operation.name"]);
        messages.Select(s => s["messaging.message.id"]).ShouldAllBe(id => IsId(id));
        messages.Where(s => (s["messaging.message.conversation_id"] ?? s.TraceId) != s.TraceId)
            .Select(s => $"{s}: {string.Join(", ", s.Attributes.SelectMany(a => a.Select(value => $"{a.Key}={value}")))}")
            .ShouldBeEmpty("nobody has given a correlation id");
        messages.Where(s => s["messaging.operation.name"] != "send").ShouldAllBe(s => s["messaging.message.conversation_id"] != null);
        messages.ShouldAllBe(s => s["messaging.system"] == (
            s["messaging.operation.name"] == "create" || s["messaging.destination.name"] == "orders.payments.calls" ? "outbox" : "rabbitmq"));
        messages.Where(s => s.Name == "process notifications.mails").ShouldAllBe(
            s => s["cloudevents.event_type"]!.StartsWith("shop.order.", StringComparison.Ordinal) && s["cloudevents.event_source"] != null);
        spans.Where(s => s.IsError).ShouldAllBe(s => s["error.type"] != null);
    }

    private static bool IsId(string? text) => Guid.TryParse(text, out _);

    private Task SayNothingOfAnybody(IReadOnlyList<Span> spans, params string[] secrets) => SayNothingOfAnybody(spans, shop.Customer, secrets);

    private static async Task SayNothingOfAnybody(IReadOnlyList<Span> spans, Shop.Cluster.ShopClient customer, params string[] secrets)
    {
        var me = await customer.GetAsync("users", "/v1/users/me");
        string[] personal =
        [
            .. secrets, me.GetProperty("email").GetString()!, "Ada Example", "Sample Street", "10115", "pm_card_visa", Shop.Cluster.ShopClient.Password,
        ];
        spans.SelectMany(s => s.Attributes.SelectMany(a => a.Select(value => $"{s}: {a.Key} = {value}"))).Where(
            said => personal.Any(p => said.Contains(p, StringComparison.OrdinalIgnoreCase))).ShouldBeEmpty();
    }
}
