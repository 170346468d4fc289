using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Shop.SystemTests.Running;

/// <summary>Somebody whom webhooks tell of the orders, and who does not take the first attempt at anything.</summary>
public sealed class Partner : IAsyncDisposable
{
    private readonly RunningShop _shop;
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<(string Id, string Type, string Subject, string? TraceParent)> _heard = new();
    private readonly ConcurrentDictionary<string, bool> _tried = [];
    private JsonElement _webhook;

    private Partner(RunningShop shop, WebApplication app) => (_shop, _app) = (shop, app);

    /// <summary>What the path of its address ends with, which is nobody's affair but the partner's and the shop's.</summary>
    public string Secret { get; } = $"hook-{Guid.NewGuid():n}";

    /// <summary>Every attempt: the event, and the header <c>traceparent</c> of the request.</summary>
    public IReadOnlyCollection<(string Id, string Type, string Subject, string? TraceParent)> Heard => _heard;

    public static async Task<Partner> OpenAsync(RunningShop shop, params string[] types)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var partner = new Partner(shop, builder.Build());
        partner._app.MapPost("/{secret}", partner.TakeAsync);
        await partner._app.StartAsync();
        partner._webhook = await shop.Operator.PostAsync(
            "notifications", "/v1/webhooks", new { url = $"{partner._app.Urls.First()}/{partner.Secret}?token={partner.Secret}", eventTypes = types });
        return partner;
    }

    public async ValueTask DisposeAsync()
    {
        await _shop.Operator.CallAsync(HttpMethod.Delete, "notifications", $"/v1/webhooks/{_webhook.GetProperty("id").GetString()}");
        await _app.DisposeAsync();
    }

    private async Task<IResult> TakeAsync(HttpRequest request)
    {
        using var body = await JsonDocument.ParseAsync(request.Body);
        var (id, type, subject) = (Member("id"), Member("type"), Member("subject"));
        _heard.Enqueue((id, type, subject, request.Headers["traceparent"].FirstOrDefault()));
        return Results.StatusCode(_tried.TryAdd(id, true) ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status204NoContent);

        string Member(string name) => body.RootElement.GetProperty(name).GetString()!;
    }
}
