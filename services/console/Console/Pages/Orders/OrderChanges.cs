using System.Globalization;
using ShopConsole.Api;
using ShopConsole.SignIn;

namespace ShopConsole.Pages.Orders;

/// <summary>
/// That an order has changed, as server-sent events: orders streams the order itself, of which the page needs to know no more than that it should look again.
/// </summary>
internal static class OrderChanges
{
    public static void Map(IEndpointRouteBuilder app) => app.MapGet("/orders/{id:guid}/changes", GetAsync).RequireAuthorization(ConsoleSignIn.Policy)
        .DisableRequestTimeout().ExcludeFromDescription();

    private static async Task GetAsync(Guid id, HttpContext http, ShopApi api, CancellationToken ct)
    {
        try
        {
            using var stream = await api.StreamAsync("orders", $"/v1/orders/{id}/stream", http.Request.Headers["Last-Event-ID"].FirstOrDefault(), ct);
            if (!stream.IsSuccessStatusCode || stream.StatusCode == System.Net.HttpStatusCode.NoContent)
            {
                // 204: there is nothing more to come, and a browser does not come back.
                http.Response.StatusCode = stream.IsSuccessStatusCode ? StatusCodes.Status204NoContent : (int)stream.StatusCode;
                return;
            }

            http.Response.ContentType = "text/event-stream";
            http.Response.Headers.CacheControl = "no-store";
            using var reader = new StreamReader(await stream.Content.ReadAsStreamAsync(ct));
            string? eventId = null;
            while (await reader.ReadLineAsync(ct) is { } line)
            {
                if (line.StartsWith("id: ", StringComparison.Ordinal) && long.TryParse(line.AsSpan(4), NumberStyles.None, CultureInfo.InvariantCulture, out var version))
                {
                    eventId = version.ToString(CultureInfo.InvariantCulture);
                }
                else if (line.StartsWith("data:", StringComparison.Ordinal))
                {
                    await http.Response.WriteAsync($"id: {eventId}\ndata: changed\n\n", ct);
                    await http.Response.Body.FlushAsync(ct);
                }
                else if (line.StartsWith(':') || line.StartsWith("retry:", StringComparison.Ordinal))
                {
                    await http.Response.WriteAsync($"{line}\n\n", ct);
                    await http.Response.Body.FlushAsync(ct);
                }
            }
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            // Somebody has gone, the reader or the service; whoever is left comes back.
            if (!http.Response.HasStarted)
            {
                http.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            }
        }
    }
}
