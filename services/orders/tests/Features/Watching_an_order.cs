using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Orders.Fulfilment;
using static Orders.Tests.OrdersFixture;

namespace Orders.Tests.Features;

/// <summary>Server-sent events of one order.</summary>
public sealed class Watching_an_order(OrdersFixture orders)
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task shows_it_as_it_is_and_after_every_change_until_its_end()
    {
        using var client = orders.Customer();
        var id = await Place(client);
        using var response = await Open(client, id);
        response.Content.Headers.ContentType!.MediaType.ShouldBe("text/event-stream");
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Cancelled));

        (await Next(reader)).ShouldBe((3, "submitted"));
        await orders.Command(new ConfirmOrder(id), id);
        (await Next(reader)).ShouldBe((4, "confirmed"));
        await orders.Command(new FailOrder(id, "timed_out: test"), id);
        (await Next(reader)).ShouldBe((5, "failed"));
        (await reader.ReadToEndAsync(Cancelled)).Trim().ShouldBe("");
    }

    [Fact]
    public async Task goes_on_where_the_reader_left_off_and_misses_nothing()
    {
        using var client = orders.Customer();
        var id = await Draft(client);
        using var added = await client.PostAsJsonAsync($"/v1/orders/{id}/items", new { sku = Desk, quantity = 1 }, Cancelled);
        using var cancelled = await client.PostAsJsonAsync($"/v1/orders/{id}/cancel", new { reason = "x" }, Cancelled);
        using var response = await Open(client, id, lastEventId: "1");
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Cancelled));

        (await Next(reader)).ShouldBe((2, "draft"));
        (await Next(reader)).ShouldBe((3, "draft"));
        (await Next(reader)).ShouldBe((4, "cancelled"));
    }

    [Fact]
    public async Task is_told_not_to_come_back_when_nothing_will_happen_any_more()
    {
        using var client = orders.Customer();
        var id = await Draft(client);
        using var cancelled = await client.PostAsJsonAsync($"/v1/orders/{id}/cancel", new { reason = "x" }, Cancelled);
        using var response = await Open(client, id, lastEventId: "3");
        response.StatusCode.ShouldBe(HttpStatusCode.NoContent);
        using var wrong = await Open(client, id, lastEventId: "three");
        wrong.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    private static async Task<HttpResponseMessage> Open(HttpClient client, Guid id, string? lastEventId = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/orders/{id}/stream");
        if (lastEventId is not null)
        {
            request.Headers.Add("Last-Event-ID", lastEventId);
        }

        return await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancelled);
    }

    private static async Task<(long Id, string Status)> Next(StreamReader reader)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        patience.CancelAfter(TimeSpan.FromSeconds(20));
        long id = 0;
        while (await reader.ReadLineAsync(patience.Token) is { } line)
        {
            if (line.StartsWith("id: ", StringComparison.Ordinal))
            {
                id = long.Parse(line[4..], System.Globalization.CultureInfo.InvariantCulture);
            }
            else if (line.StartsWith("data: ", StringComparison.Ordinal))
            {
                var order = JsonNode.Parse(line[6..])!;
                order["version"]!.GetValue<long>().ShouldBe(id);
                return (id, order["status"]!.GetValue<string>());
            }
        }

        throw new InvalidOperationException("The stream ended before the next change.");
    }
}
