using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Testing;

namespace Notifications.Tests.Support;

/// <summary>A registered webhook as its owner knows it.</summary>
public sealed record Registered(Guid Id, string Name, string Secret);

/// <summary>The service, a partner's receiver, and the operators' client.</summary>
public class WebhooksFixture : NotificationsFixture
{
    private Receiver? _receiver;
    private HttpClient? _operators;

    public Receiver Receiver => _receiver ?? throw new InvalidOperationException("Not initialised.");

    public HttpClient Operators => _operators ?? throw new InvalidOperationException("Not initialised.");

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _receiver = await Receiver.Start();
        _operators = Operator();
    }

    public override async ValueTask DisposeAsync()
    {
        _operators?.Dispose();
        if (_receiver is not null)
        {
            await _receiver.DisposeAsync();
        }

        await base.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>Registers an endpoint of the receiver, which is told the secret.</summary>
    public Task<Registered> Subscribe(params string[] eventTypes) => Subscribe(Operators, eventTypes);

    public async Task<Registered> Subscribe(HttpClient by, params string[] eventTypes)
    {
        var name = $"hook-{Guid.NewGuid():n}";
        using var response = await by.PostAsJsonAsync("/v1/webhooks", new { url = Receiver.Hook(name), eventTypes, description = name });
        response.StatusCode.ShouldBe(HttpStatusCode.Created);
        var webhook = await response.Content.ReadFromJsonAsync<JsonElement>();
        var registered = new Registered(webhook.GetProperty("id").GetGuid(), name, webhook.GetProperty("secret").GetString()!);
        await Receiver.Trust(name, registered.Secret);
        return registered;
    }

    public async Task<IReadOnlyList<Received>> Arrived(Registered webhook, int count = 1) =>
        await Poll.UntilAsync(() => Receiver.Deliveries(webhook.Name), d => d.Count >= count, $"{count} deliveries to {webhook.Name}");

    public Task<JsonElement> Get(string path) => Operators.GetFromJsonAsync<JsonElement>(path);

    /// <summary>The only delivery of a webhook, once it is in a state.</summary>
    public async Task<JsonElement> Delivery(Registered webhook, string status)
    {
        var items = await Poll.UntilAsync(
            async () => (await Get($"/v1/webhooks/{webhook.Id}/deliveries")).GetProperty("items").EnumerateArray().ToList(),
            d => d.Count > 0 && d[0].GetProperty("status").GetString() == status,
            $"a delivery that is {status}");
        return items[0];
    }

    public async Task<JsonElement> Post(string path, object? body = null, HttpStatusCode expected = HttpStatusCode.Accepted)
    {
        using var response = await Operators.PostAsync(path, body is null ? null : JsonContent.Create(body));
        response.StatusCode.ShouldBe(expected, await response.Content.ReadAsStringAsync());
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }
}
