using System.Net;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace Shop.Demo;

/// <summary>The whole demo: sets the scene, lets four orders run at once, and looks at what each of them left behind.</summary>
internal sealed class Demonstration(Settings settings, Api api, Screen screen, WebhookReceiver receiver)
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(150);

    private static readonly (string Sku, string Name, string Price, (string Sku, int Quantity)[] Parts, int Stock)[] Catalogue =
    [
        ("DEMO-MUG", "Mug", "12.50", [], 20),
        ("DEMO-POSTER", "Poster", "9.90", [], 20),
        ("DEMO-GIFT-SET", "Gift set: a mug and a poster", "19.90", [("DEMO-MUG", 1), ("DEMO-POSTER", 1)], 0),
        ("DEMO-LAMP", "Lamp, never in stock", "49.00", [], 0),
    ];

    private static readonly Plan[] Plans =
    [
        new("Two gift sets, a good card", "DEMO-GIFT-SET", 2, "pm_card_visa", "completed", "", ["order-confirmation", "order-shipped"], ["captured"]),
        new("A lamp that is out of stock", "DEMO-LAMP", 1, "pm_card_visa", "failed", "out_of_stock", ["order-failed"], []),
        new("A mug, the card is declined", "DEMO-MUG", 1, "pm_card_declined", "failed", "payment_declined", ["order-failed"], ["declined"]),
        new("A poster, cancelled in flight", "DEMO-POSTER", 1, "pm_card_slow", "cancelled", "", ["order-cancelled"], ["voided"])
        {
            CancelAt = "AuthorizingPayment",
        },
    ];

    private readonly List<Story> _stories = [.. Plans.Select((plan, i) => new Story(i + 1, plan))];
    private readonly string _email = $"dana.{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))}@shop.example";
    private string _operatorToken = "";
    private string _customerToken = "";

    public async Task<bool> RunAsync()
    {
        screen.Heading("The scene");
        _operatorToken = await api.SignInAsync(settings.Users, settings.OperatorEmail, settings.OperatorPassword);
        await StockProductsAsync();
        screen.Done("products on sale, mugs and posters in stock, lamps not");
        var webhook = await SubscribeAsync();
        await RegisterCustomerAsync();
        screen.Done($"{_email} registered and signed in");

        screen.Say();
        screen.Heading("Four orders at once, live");
        var all = Task.WhenAll(_stories.Select(RunToItsEndAsync));
        await screen.WatchAsync(_stories, all, () => api.Trouble);
        await all;

        screen.Say();
        screen.Heading("What became of them");
        _stories.ForEach(screen.Tell);
        var mailbox = await TellMailboxAsync();
        if (webhook is not null)
        {
            await api.DeleteAsync(settings.Notifications, $"/v1/webhooks/{webhook}", _operatorToken);
        }
        return mailbox && _stories.TrueForAll(story => story.Problems.Count == 0);
    }

    private async Task StockProductsAsync()
    {
        foreach (var (sku, name, price, parts, stock) in Catalogue)
        {
            var product = new JsonObject { ["sku"] = sku, ["name"] = name, ["price"] = new JsonObject { ["amount"] = price, ["currency"] = "EUR" } };
            if (parts.Length > 0)
            {
                product["components"] = new JsonArray([.. parts.Select(part => new JsonObject { ["sku"] = part.Sku, ["quantity"] = part.Quantity })]);
            }
            var added = await api.PostAsync(settings.Inventory, "/v1/products", _operatorToken, product);
            if (!added.Ok && added.Status != HttpStatusCode.Conflict)        // conflict: an earlier demo has added it
            {
                throw new DemoFailed($"The product {sku} cannot be added: {added}");
            }
            if (stock > 0)
            {
                Expect(await api.PostAsync(
                    settings.Inventory, $"/v1/products/{sku}/receipts", _operatorToken, new JsonObject { ["quantity"] = stock, ["reference"] = "demo" }),
                    $"{sku} cannot be received");
            }
        }
    }

    /// <returns>The subscription's id, or null where nobody could reach us.</returns>
    private async Task<string?> SubscribeAsync()
    {
        if (!receiver.Start(settings.WebhookListen))
        {
            screen.Say($"    {settings.WebhookListen} is taken, so no webhooks this time (DEMO_WEBHOOK_PORT moves it)");
            return null;
        }
        var body = new JsonObject
        {
            ["url"] = settings.WebhookUrl.ToString(), ["eventTypes"] = new JsonArray("shop.order.*", "shop.payment.*"), ["description"] = "make demo",
        };
        var answer = Expect(await api.PostAsync(settings.Notifications, "/v1/webhooks", _operatorToken, body), "The webhook cannot be subscribed");
        receiver.Trust(answer["secret"]!.ToString());
        screen.Done($"a partner's webhook at {settings.WebhookUrl} subscribed to shop.order.* and shop.payment.*");
        return answer["id"]!.ToString();
    }

    private async Task RegisterCustomerAsync()
    {
        var body = new JsonObject { ["email"] = _email, ["password"] = "Correct-horse-7", ["fullName"] = "Dana Demo" };
        Expect(await api.PostAsync(settings.Users, "/v1/users", null, body), "The customer cannot be registered");
        _customerToken = await api.SignInAsync(settings.Users, _email, "Correct-horse-7");
    }

    private async Task RunToItsEndAsync(Story story)
    {
        try
        {
            var began = DateTime.UtcNow;
            // In flight is a matter of milliseconds: if somebody stopped a service meanwhile and the order was through before, another one is placed.
            for (var attempt = 1; attempt <= 3; attempt++)
            {
                began = DateTime.UtcNow;
                story.OrderId = await PlaceAsync(story.Plan);
                await ShowInWindowAsync();
                await FollowAsync(story, began);
                if (story.Plan.CancelAt is null || story.Cancelled)
                {
                    break;
                }
            }
            story.Took = DateTime.UtcNow - began;
            await AwaitTracesAsync(story);
            Judge(story);
        }
        catch (DemoFailed e)
        {
            story.Problems.Add(e.Message);
        }
        story.Finished = true;
    }

    /// <summary>Whoever has no token can watch the orders in the console's window.</summary>
    private Task ShowInWindowAsync() => api.PutIfThereAsync(settings.Console, "/window", new JsonObject
    {
        ["token"] = _customerToken,
        ["orders"] = new JsonArray(
            [.. _stories.Where(s => s.OrderId is not null).Select(s => new JsonObject { ["id"] = s.OrderId, ["title"] = s.Plan.Title })]),
    });

    private async Task<string> PlaceAsync(Plan plan)
    {
        var deadline = DateTime.UtcNow + settings.Patience;
        while (true)
        {
            var answer = await api.PostAsync(settings.Orders, "/v1/orders", _customerToken, new JsonObject
            {
                ["items"] = new JsonArray(new JsonObject { ["sku"] = plan.Sku, ["quantity"] = plan.Quantity }),
                ["submit"] = new JsonObject
                {
                    ["paymentMethod"] = plan.PaymentMethod,
                    ["shippingAddress"] = new JsonObject
                    {
                        ["name"] = "Dana Demo", ["line1"] = "Harbour Street 1", ["city"] = "Hamburg", ["postalCode"] = "20095", ["country"] = "DE",
                    },
                },
            });
            if (answer.Ok)
            {
                return answer.Body!["id"]!.ToString();
            }
            // Products and customers reach the orders service as events, a moment after they were made.
            if (DateTime.UtcNow > deadline || answer.Status is HttpStatusCode.Unauthorized)
            {
                throw new DemoFailed($"The order is refused: {answer}");
            }
            await Task.Delay(LookEvery);
        }
    }

    private async Task FollowAsync(Story story, DateTime began)
    {
        story.Cancelled = false;
        while (true)
        {
            var fulfilment = await api.GetAsync(settings.Orders, $"/v1/orders/{story.OrderId}/fulfilment", _customerToken);
            if (fulfilment.Ok)
            {
                story.Steps = Story.StepsOf(fulfilment.Body);
            }
            if (!story.Cancelled && story.Plan.CancelAt is { } at && story.Steps.Any(step => step.Name.Equals(at, StringComparison.OrdinalIgnoreCase)))
            {
                var answer = await api.PostAsync(
                    settings.Orders, $"/v1/orders/{story.OrderId}/cancel", _customerToken, new JsonObject { ["reason"] = "changed my mind" });
                story.Cancelled = answer.Ok;
            }
            var order = Expect(await api.GetAsync(settings.Orders, $"/v1/orders/{story.OrderId}", _customerToken), "The order cannot be read");
            story.Status = order["status"]?.ToString() ?? "";
            story.Reason = order["reason"]?.ToString() ?? "";
            story.Webhooks = WebhooksOf(story);
            if (story.Status is "completed" or "cancelled" or "failed")
            {
                return;
            }
            if (DateTime.UtcNow - began > settings.Patience)
            {
                throw new DemoFailed($"Still {story.Status} after {settings.Patience.TotalSeconds:0} s.");
            }
            await Task.Delay(LookEvery);
        }
    }

    private IReadOnlyList<Webhook> WebhooksOf(Story story) => [.. receiver.Received.Where(webhook => webhook.OrderId == story.OrderId)];

    /// <summary>Mails and webhooks follow the order a moment later, each from its own queue.</summary>
    private async Task AwaitTracesAsync(Story story)
    {
        var deadline = DateTime.UtcNow + settings.Patience;
        while (true)
        {
            var mails = await api.GetAsync(settings.Notifications, $"/v1/notifications?orderId={story.OrderId}", _customerToken);
            story.Mails = [.. Items(mails).Where(mail => mail["status"]?.ToString() == "sent").Select(mail => mail["template"]!.ToString())];
            var payments = await api.GetAsync(settings.Orders, $"/v1/payments?orderId={story.OrderId}", _customerToken);
            story.Payments = [.. Items(payments).Select(payment => payment["status"]!.ToString())];
            story.Webhooks = WebhooksOf(story);
            var fulfilment = await api.GetAsync(settings.Orders, $"/v1/orders/{story.OrderId}/fulfilment", _customerToken);
            story.Steps = fulfilment.Ok ? Story.StepsOf(fulfilment.Body) : story.Steps;
            if ((story.Steps.All(step => step.Outcome is not null)
                && story.Mails.Count >= story.Plan.Mails.Length
                && (!receiver.Running || story.Webhooks.Any(webhook => webhook.Type == $"shop.order.{story.Plan.Ends}.v1")))
                || DateTime.UtcNow > deadline)
            {
                return;
            }
            await Task.Delay(LookEvery);
        }
    }

    private void Judge(Story story)
    {
        var plan = story.Plan;
        Check(story.Status == plan.Ends, $"should have ended as {plan.Ends}, is {story.Status}");
        Check(
            story.Reason.StartsWith(plan.ReasonStartsWith, StringComparison.Ordinal),
            $"the reason should begin with {plan.ReasonStartsWith}, is '{story.Reason}'");
        Check(story.Mails.Order(StringComparer.Ordinal).SequenceEqual(plan.Mails.Order(StringComparer.Ordinal)),
            $"should have sent {string.Join(" and ", plan.Mails)} once each, sent {(story.Mails.Count == 0 ? "none" : string.Join(", ", story.Mails))}");
        Check(
            story.Payments.SequenceEqual(plan.PaymentEnds),
            $"payments should be [{string.Join(", ", plan.PaymentEnds)}], are [{string.Join(", ", story.Payments)}]");
        if (receiver.Running)
        {
            Check(story.Webhooks.Any(webhook => webhook.Type == $"shop.order.{plan.Ends}.v1"), $"no webhook told of shop.order.{plan.Ends}.v1");
            Check(story.Webhooks.All(webhook => webhook.SignatureValid), "a webhook had a wrong signature");
        }

        void Check(bool good, string otherwise)
        {
            if (!good)
            {
                story.Problems.Add(otherwise);
            }
        }
    }

    private async Task<bool> TellMailboxAsync()
    {
        var expected = 1 + Plans.Sum(plan => plan.Mails.Length);
        var deadline = DateTime.UtcNow + TimeSpan.FromSeconds(30);
        List<string> subjects;
        while (true)
        {
            var all = (await api.GetAsync(settings.Mail, "/api/email", null)).Body as JsonArray ?? [];
            subjects = [.. all.Where(
                mail => (mail?["to"] as JsonArray ?? []).Any(to => string.Equals(to?["address"]?.ToString(), _email, StringComparison.OrdinalIgnoreCase)))
                .Select(mail => mail!["subject"]?.ToString() ?? "")];
            if (subjects.Count >= expected || DateTime.UtcNow > deadline)
            {
                break;
            }
            await Task.Delay(LookEvery);
        }
        screen.Say();
        screen.Heading($"The mailbox of {_email}");
        subjects.ForEach(subject => screen.Done(subject));
        if (subjects.Count != expected)
        {
            screen.Say($"  {expected} mails should be there, {subjects.Count} are.");
        }
        return subjects.Count == expected;
    }

    private static IEnumerable<JsonNode> Items(Answer answer) => (answer.Body?["items"] as JsonArray ?? []).OfType<JsonNode>();

    private static JsonNode Expect(Answer answer, string otherwise) =>
        answer.Ok ? answer.Body ?? new JsonObject() : throw new DemoFailed($"{otherwise}: {answer}");
}
