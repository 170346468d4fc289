using System.Net;
using ShopConsole.Api;
using ShopConsole.Pages.Orders;

namespace ShopConsole.Tests;

/// <summary>What all services know of one order, on one axis and in a few sentences.</summary>
public sealed class The_story_of_an_order : IDisposable
{
    private static readonly Guid Id = Guid.Parse("01a22b61-3b51-7453-8720-00c0ffee1234");

    private static readonly DateTimeOffset Now = DateTimeOffset.Parse("2026-03-14T11:00:00Z", null);

    private readonly StubServices _services = new();

    public void Dispose() => _services.Dispose();

    [Fact]
    public async Task Of_a_declined_one_says_why_and_what_was_given_back()
    {
        Order("failed", reason: "payment_declined: insufficient_funds");
        _services
            .With("orders", "/v1/payments", Items(Payment("declined", """, "declineCode": "insufficient_funds", "declinedAt": "2026-03-14T10:00:03Z" """)))
            .With("inventory", $"/v1/reservations/{Id}", Reservation("released", ", \"endedAt\": \"2026-03-14T10:00:04Z\""));
        var file = await ReadAsync();
        OrderStory.InShort(file).ShouldBe(
        [
            "It failed since the payment was declined: insufficient_funds.", "Given back to the stock: 2 × MUG.",
            "Nothing was taken: the payment of 39.98 EUR was declined (insufficient_funds).",
        ]);
        OrderStory.Of(file, Now).Select(h => (h.Lane, h.Title)).ShouldBe(
            [("payment", "payment wanted"), ("stock", "reserved"), ("payment", "declined: insufficient_funds"), ("stock", "reservation released")]);
    }

    [Theory]
    [InlineData("failed", "out_of_stock: MUG", "It failed since there was too little in stock: MUG.")]
    [InlineData("failed", "timed_out: inventory", "It failed since an answer did not come in time: inventory.")]
    [InlineData("cancelled", "changed my mind", "It was cancelled: changed my mind.")]
    [InlineData("cancelled", "see: <b>", "It was cancelled: see: <b>.")]
    [InlineData("failed", "something new", "The reason given: something new.")]
    public async Task Begins_with_the_reason(string status, string reason, string sentence)
    {
        Order(status, reason);
        OrderStory.InShort(await ReadAsync()).First().ShouldBe(sentence);
    }

    [Fact]
    public async Task Of_one_that_waits_says_for_whom_and_until_when()
    {
        Order("submitted");
        _services.With(
            "orders", $"/v1/orders/{Id}/fulfilment",
            """
            { "state": "reservingStock", "started": "2026-03-14T10:00:00Z", "awaiting": "inventory", "deadlineAt": "2026-03-14T12:00:30+02:00",
              "steps": [{ "step": "reservingStock", "started": "2026-03-14T10:00:01Z", "attempt": 2 }] }
            """)
            .With("orders", "/v1/ops/timers", Items("""
                { "id": 7, "messageId": "m", "type": "Deadline", "destination": "orders.fulfilment", "dueAt": "2026-03-14T10:00:30Z",
                  "createdAt": "2026-03-14T10:00:00Z", "cancellable": false }
                """));
        var file = await ReadAsync();
        OrderStory.InShort(file).Single().ShouldStartWith("It waits for inventory, until 10:00:30 UTC");
        var story = OrderStory.Of(file, Now);
        story[0].ShouldBe(new Happening(DateTimeOffset.Parse("2026-03-14T10:00:01Z", null), "saga", "reserving stock", "asked for the 2. time"));
        (story[1].Title, story[1].Tone).ShouldBe(("timer Deadline", Tone.Waits));
    }

    [Fact]
    public async Task Is_in_the_order_of_time_whoever_tells_it()
    {
        Order("completed");
        _services
            .With("orders", "/v1/payments", Items(Payment("captured", """, "authorizedAt": "2026-03-14T10:00:02Z", "capturedAt": "2026-03-14T10:00:09Z" """)))
            .With("inventory", $"/v1/reservations/{Id}", Reservation("shipped", ", \"endedAt\": \"2026-03-14T10:00:05Z\""))
            .With("notifications", "/v1/notifications", Items($$"""
                { "id": "{{Guid.NewGuid()}}", "template": "order-shipped", "recipient": "ada@example.com", "status": "sent", "attempts": 2, "eventType": "e",
                  "createdAt": "2026-03-14T10:00:06Z", "sentAt": "2026-03-14T10:00:07Z" }
                """))
            .With("notifications", "/v1/webhook-deliveries", Items($$"""
                { "id": "{{Guid.NewGuid()}}", "webhookId": "{{Guid.NewGuid()}}", "eventId": "e", "eventType": "shop.order.shipped.v1", "status": "pending",
                  "createdAt": "2026-03-14T10:00:06Z", "nextAttemptAt": "2026-03-14T10:05:00Z",
                  "attempts": [{ "number": 1, "at": "2026-03-14T10:00:08Z", "latencyMs": 12, "status": 500 }] }
                """));
        var story = OrderStory.Of(await ReadAsync(), Now);
        story.Select(h => h.At).ShouldBeInOrder();
        story.Select(h => h.Title).ShouldBe(
        [
            "payment wanted", "reserved", "authorized", "reservation shipped", "mail order-shipped sent", "shop.order.shipped.v1: 500", "captured",
            "shop.order.shipped.v1: next attempt",
        ]);
        story.ShouldAllBe(h => OrderStory.Lanes.Contains(h.Lane));
        story.Single(h => h.Title.EndsWith("500", StringComparison.Ordinal)).Tone.ShouldBe(Tone.Bad);
    }

    [Fact]
    public async Task Shows_a_payment_of_unknown_outcome_as_waiting_now()
    {
        Order("submitted");
        _services.With("orders", "/v1/payments", Items(Payment("authorizing", ", \"pending\": \"authorize\", \"waitsFor\": \"the provider's answer\"")));
        OrderStory.Of(await ReadAsync(), Now)[^1].ShouldBe(new Happening(Now, "payment", "waits: authorize", "the provider's answer", Tone.Waits, "/money"));
    }

    [Fact]
    public async Task Leads_to_the_message_that_holds_it_up()
    {
        Order("submitted");
        var letter = Guid.NewGuid();
        _services.With("inventory", "/v1/ops/dead-letters", Items($$"""
            { "id": "{{letter}}", "messageId": "m", "type": "ReserveStock", "queue": "inventory.commands", "reason": "failed", "fingerprint": "f",
              "exceptionMessage": "no such table", "status": "open", "failures": 5, "firstFailedAt": "2026-03-14T10:00:00Z",
              "failedAt": "2026-03-14T10:00:05Z" }
            """));
        OrderStory.Of(await ReadAsync(), Now).Single().ShouldBe(new Happening(
            DateTimeOffset.Parse("2026-03-14T10:00:05Z", null), "trouble", "ReserveStock failed in inventory.commands", "no such table", Tone.Bad,
            $"/failed/inventory/{letter}"));
    }

    [Fact]
    public async Task Lacks_what_a_service_that_is_away_would_say_and_names_it_once()
    {
        Order("submitted");
        string[] paths = [$"/v1/reservations/{Id}", "/v1/shipments", "/v1/ops/dead-letters", "/v1/ops/timers", "/v1/ops/outbox/messages"];
        foreach (var path in paths)
        {
            _services.With("inventory", path, (_, _) => throw new HttpRequestException("refused"));
        }

        _services.With("orders", "/v1/payments", Items(Payment("authorized", ", \"authorizedAt\": \"2026-03-14T10:00:02Z\"")));
        var file = await ReadAsync();
        file.Troubles.ShouldHaveSingleItem().Text.ShouldBe("The service inventory does not answer.");
        OrderStory.Of(file, Now).Count.ShouldBe(2);
    }

    [Theory]
    [InlineData(HttpStatusCode.NotFound, "Missing")]
    [InlineData(HttpStatusCode.ServiceUnavailable, "Away")]
    public async Task Is_none_without_the_order_itself(HttpStatusCode status, string kind)
    {
        _services.With("orders", $"/v1/orders/{Id}", "", status);
        var (file, trouble) = await OrderFile.ReadAsync(_services.Api, Id, null, TestContext.Current.CancellationToken);
        file.ShouldBeNull();
        trouble!.Kind.ToString().ShouldBe(kind);
    }

    [Fact]
    public async Task Of_an_earlier_time_asks_for_the_order_as_it_was()
    {
        Order("draft");
        await OrderFile.ReadAsync(_services.Api, Id, "2&x=1", TestContext.Current.CancellationToken);
        _services.Asked.ShouldContain(a => a.Request.RequestUri!.PathAndQuery == $"/v1/orders/{Id}?asOf=2%26x%3D1");
    }

    private async Task<OrderFile> ReadAsync() => (await OrderFile.ReadAsync(_services.Api, Id, null, TestContext.Current.CancellationToken)).File!;

    private void Order(string status, string? reason = null) => _services.With("orders", $"/v1/orders/{Id}", $$"""
        { "id": "{{Id}}", "userId": "{{Guid.NewGuid()}}", "status": "{{status}}", "items": [], "total": { "amount": "39.98", "currency": "EUR" },
          "reason": {{(reason is null ? "null" : $"\"{reason}\"")}}, "version": 3, "createdAt": "2026-03-14T10:00:00Z" }
        """);

    private static string Payment(string status, string more) => $$"""
        { "id": "{{Guid.NewGuid()}}", "orderId": "{{Id}}", "status": "{{status}}", "amount": { "amount": "39.98", "currency": "EUR" },
          "paymentMethod": "pm_card",
          "createdAt": "2026-03-14T10:00:00Z"{{more}} }
        """;

    private static string Reservation(string status, string more) => $$"""
        { "orderId": "{{Id}}", "status": "{{status}}", "items": [{ "sku": "MUG", "quantity": 2 }], "shortages": [], "createdAt": "2026-03-14T10:00:01Z",
          "reservedAt": "2026-03-14T10:00:01Z"{{more}} }
        """;

    private static string Items(string items) => $$"""{ "items": [{{items}}], "nextCursor": null }""";
}
