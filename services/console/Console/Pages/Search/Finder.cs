using System.Net.Mail;
using ShopConsole.Api;
using ShopConsole.Layout;
using ShopConsole.Pages.Orders;

namespace ShopConsole.Pages.Search;

/// <param name="Kind">What it is.</param>
/// <param name="Title">How it is called.</param>
/// <param name="Detail">What tells it from others.</param>
/// <param name="Link">Its page.</param>
internal sealed record Finding(string Kind, string Title, string? Detail, string Link);

/// <summary>
/// One box for everything: what somebody has in hand, out of a mail, a log or a ledger, leads to its page. Every service is asked at once for what could be
/// called so; nobody has an index of all.
/// </summary>
internal sealed class Finder(ShopApi api)
{
    private sealed record UserData(Guid Id, string? Email, string? FullName, string Status);

    private sealed record UserSearch(string Email);

    private sealed record ProductData(string Sku, string Name);

    private sealed record WebhookData(Guid Id, string Url, string? Description);

    public async Task<(IReadOnlyList<Finding> Found, IReadOnlyList<Trouble> Troubles)> FindAsync(string text, CancellationToken ct)
    {
        text = text.Trim();
        if (text.Length == 0)
        {
            return ([], []);
        }

        var escaped = Uri.EscapeDataString(text);
        List<Task<(IEnumerable<Finding>, Trouble?)>> asked =
        [
            ListAsync<OrderData>("orders", $"/v1/orders?search={escaped}&limit=10", OfOrder, ct),
            ListAsync<ProductData>("inventory", $"/v1/products?search={escaped}&limit=10", OfProduct, ct),
            ListAsync<ShipmentData>("inventory", $"/v1/shipments?trackingNumber={escaped}&limit=10", OfShipment, ct),
            .. api.Services.Select(service => ListAsync<LetterData>(service, $"/v1/ops/dead-letters?messageId={escaped}", l => OfLetter(service, l), ct)),
        ];
        if (Guid.TryParse(text, out var id))
        {
            asked.Add(OneAsync<PaymentData>("orders", $"/v1/payments/{id}", p => new Finding("Payment", Words.Short(p.Id), $"{p.Status}, {p.Amount}", $"/orders/{p.OrderId}"), ct));
            asked.Add(OneAsync<WebhookData>("notifications", $"/v1/webhooks/{id}", w => new Finding("Webhook", w.Url, w.Description, $"/webhooks/{w.Id}"), ct));
            asked.Add(OneAsync<UserData>("users", $"/v1/users/{id}", OfUser, ct));
            asked.Add(ListAsync<DeliveryData>(
                "notifications", $"/v1/webhook-deliveries?eventId={id}", d => new Finding("Webhook delivery", d.EventType, d.Status, $"/webhooks/{d.WebhookId}/deliveries/{d.Id}"), ct));
            asked.AddRange(api.Services.Select(service => OneAsync<LetterData>(service, $"/v1/ops/dead-letters/{id}", l => OfLetter(service, l), ct)));
        }
        else
        {
            asked.Add(PeopleAsync(text, ct));
        }

        var answers = await Task.WhenAll(asked);
        return (
            [.. answers.SelectMany(a => a.Item1).DistinctBy(f => f.Link)],
            [.. answers.Select(a => a.Item2).OfType<Trouble>().DistinctBy(t => (t.Service, t.Text))]);
    }

    private static Finding OfOrder(OrderData order) => new("Order", Words.Number(order.Id), $"{order.Status}, {order.Total}, {order.Reason}".TrimEnd(',', ' '), $"/orders/{order.Id}");

    private static Finding OfProduct(ProductData product) => new("Product", product.Sku, product.Name, $"/stock/{Uri.EscapeDataString(product.Sku)}");

    private static Finding OfShipment(ShipmentData shipment) => new("Parcel", shipment.TrackingNumber ?? "", $"{shipment.Carrier}, {shipment.Status}", $"/orders/{shipment.OrderId}");

    private static Finding OfUser(UserData user) => new("Person", user.FullName ?? user.Email ?? Words.Short(user.Id), $"{user.Email}, {user.Status}", $"/people/{user.Id}");

    private static Finding OfLetter(string service, LetterData letter) => new("Failed message", letter.Type, $"{letter.Queue}, {letter.Status}", $"/failed/{service}/{letter.Id}");

    // What somebody types of a person does not belong into an address, which is logged on its way.
    private async Task<(IEnumerable<Finding>, Trouble?)> PeopleAsync(string text, CancellationToken ct)
    {
        var isAddress = MailAddress.TryCreate(text, out _);
        var answer = await api.SendAsync<Listed<UserData>>(HttpMethod.Post, "users", "/v1/users/search", new { search = text, limit = isAddress ? 5 : 10 }, ct);
        return (answer.Value?.Items.Select(OfUser) ?? [], Serious(answer.Trouble));
    }

    private async Task<(IEnumerable<Finding>, Trouble?)> ListAsync<T>(string service, string path, Func<T, Finding> finding, CancellationToken ct)
    {
        var answer = await api.GetAsync<Listed<T>>(service, path, ct);
        return (answer.Value?.Items.Select(finding) ?? [], Serious(answer.Trouble));
    }

    private async Task<(IEnumerable<Finding>, Trouble?)> OneAsync<T>(string service, string path, Func<T, Finding> finding, CancellationToken ct)
        where T : class
    {
        var answer = await api.GetAsync<T>(service, path, ct);
        return (answer.Value is { } one ? [finding(one)] : [], Serious(answer.Trouble));
    }

    // That a text cannot be a thing's name, or that there is none, is no trouble.
    private static Trouble? Serious(Trouble? trouble) => trouble?.Kind is TroubleKind.Away or TroubleKind.Failed ? trouble : null;
}
