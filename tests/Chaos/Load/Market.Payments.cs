using System.Diagnostics;
using System.Net;
using System.Text.Json;

namespace Shop.Chaos.Load;

/// <summary>Customers whose bank asks them before it pays.</summary>
public sealed partial class Market
{
    private readonly HttpClient _bank = new() { Timeout = TimeSpan.FromSeconds(10) };

    /// <summary>Orders that wait for a customer who will not come: they end with the deadline of their payment, and nobody needs to wait for that.</summary>
    public IReadOnlyCollection<Guid> Abandoning => [.. _placed.Where(o => o.Kind == OrderKind.AbandonsPayment).Select(o => o.Id)];

    /// <summary>The customer looks after the payment until it names the page of the bank, goes there after a while, and says yes.</summary>
    private async Task ConfirmPaymentAsync(PlacedOrder order, Customer customer, TimeSpan pause)
    {
        var started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < _patience)
        {
            if (await customer.AskAsync(HttpMethod.Get, "orders", $"/v1/payments?orderId={order.Id}") is not { Status: HttpStatusCode.OK, Body: var body })
            {
                return;
            }

            var payment = JsonSerializer.Deserialize<JsonElement>(body).GetProperty("items").EnumerateArray().FirstOrDefault();
            if (payment.ValueKind == JsonValueKind.Object && payment.GetProperty("status").GetString() != "pending")
            {
                return;
            }

            if (payment.ValueKind == JsonValueKind.Object && payment.TryGetProperty("nextActionUrl", out var page) && page.GetString() is { } url)
            {
                await Task.Delay(pause);
                if (await SayYesAsync(new Uri(url)))
                {
                    return;
                }
            }

            await Task.Delay(TimeSpan.FromMilliseconds(300));
        }
    }

    private async Task<bool> SayYesAsync(Uri page)
    {
        try
        {
            using var yes = new FormUrlEncodedContent([new("outcome", "succeed")]);
            using var answer = await _bank.PostAsync(page, yes);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            return false;
        }
    }
}
