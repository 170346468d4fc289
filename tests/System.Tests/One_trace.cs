using Chassis.Testing;
using Contracts.Events;
using Shop.SystemTests.Running;

namespace Shop.SystemTests;

/// <summary>One request is one trace, through every process that it touches.</summary>
public sealed class One_trace(RunningShop shop)
{
    private const int Server = 2;
    private const int Client = 3;
    private const int Producer = 4;
    private const int Consumer = 5;

    [Fact]
    public async Task Follows_an_order_through_http_outbox_broker_consumers_and_databases()
    {
        var sku = await shop.ProductAsync(stock: 1);
        var order = await shop.Customer.OrderAsync("pm_card_visa", (sku, 1));
        await shop.OrderIs(order, "completed");
        var completed = await shop.Broker.HearAsync("shop.order.completed.v1", order.ToString());

        var spans = await Connected(
            completed.Headers[CloudEventHeaders.TraceParent].Split('-')[1],
            spans => HasAll(spans, "orders", Server, Producer, Consumer) && HasAll(spans, "inventory", Producer, Consumer) && HasAll(
                spans, "notifications", Consumer)
                && new[] { "orders", "inventory", "notifications" }.All(s => UsesDatabase(spans, s)));

        // The request came in at orders, and the payment left from there over HTTP.
        spans.Single(s => s.ParentId.Length == 0 || spans.All(o => o.SpanId != s.ParentId)).ShouldSatisfyAllConditions(
            root => root.Service.ShouldBe("orders"), root => root.Kind.ShouldBe(Server));
        spans.ShouldContain(s => s.Service == "orders" && s.Kind == Client && s.Source == "System.Net.Http");
    }

    [Fact]
    public async Task Follows_a_registration_from_users_to_whoever_hears_of_it()
    {
        using var customer = await Shop.Cluster.ShopClient.RegisterAsync(shop.Cluster, "grace");
        var registered = await shop.Broker.HearAsync("shop.user.registered.v1", customer.UserId.ToString());

        await Connected(
            registered.Headers[CloudEventHeaders.TraceParent].Split('-')[1],
            spans => HasAll(spans, "users", Server, Producer)
                && UsesDatabase(spans, "users")
                && HasAll(spans, "notifications", Consumer)
                && UsesDatabase(spans, "notifications"));
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

    /// <summary>Waits until the trace holds what it should, and every span but the first hangs on another one of it.</summary>
    private Task<IReadOnlyList<Span>> Connected(string traceId, Func<IReadOnlyList<Span>, bool> whole) =>
        Poll.UntilAsync(
            () => Task.FromResult(shop.Telemetry.Trace(traceId)),
            spans => whole(spans) && spans.Count(s => spans.All(o => o.SpanId != s.ParentId)) == 1,
            $"trace {traceId} to be whole and connected",
            RunningShop.Patience);

    private static bool HasAll(IEnumerable<Span> spans, string service, params int[] kinds) =>
        kinds.All(k => spans.Any(s => s.Service == service && s.Kind == k));

    private static bool UsesDatabase(IEnumerable<Span> spans, string service) =>
        spans.Any(s => s.Service == service && s.Source.StartsWith("Npgsql", StringComparison.Ordinal));
}
