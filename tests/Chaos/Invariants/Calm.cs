using System.Net;
using System.Text.Json;
using Chassis.Testing;
using Shop.Chaos.Load;
using Shop.Contracts;

namespace Shop.Chaos.Invariants;

/// <summary>The first invariant: after the last fault is healed, the system comes to rest by itself, within a limit.</summary>
public static class Calm
{
    /// <summary>The broker counts its queues every two seconds: rest is what two looks see that lie further apart.</summary>
    private static readonly TimeSpan Between = TimeSpan.FromSeconds(2.5);

    /// <param name="stage">The system.</param>
    /// <param name="shop">Who asks it.</param>
    /// <param name="limit">How long it has to come to rest.</param>
    public static async Task<Verdict> WaitAsync(Stage stage, Customer shop, TimeSpan limit)
    {
        var unrest = new List<string>();
        try
        {
            await Poll.UntilAsync(
                async () => (unrest = await LastingUnrestAsync(stage, shop)).Count == 0,
                "the system to come to rest",
                limit);
        }
        catch (TimeoutException)
        {
            // What is left says it better.
        }

        return new Verdict(
            "rest",
            $"After the last fault everything comes to rest within {limit.TotalSeconds:0} s: no open order, no waiting message, mail or webhook",
            12,
            unrest);
    }

    /// <summary>Whether it is at rest at this moment.</summary>
    public static async Task<bool> HasComeAsync(Stage stage, Customer shop) => (await LastingUnrestAsync(stage, shop)).Count == 0;

    private static async Task<List<string>> LastingUnrestAsync(Stage stage, Customer shop)
    {
        var unrest = await UnrestAsync(stage, shop);
        if (unrest.Count == 0)
        {
            await Task.Delay(Between);
            unrest = await UnrestAsync(stage, shop);
        }

        return unrest;
    }

    private static async Task<List<string>> UnrestAsync(Stage stage, Customer customer)
    {
        var unrest = new List<string>();
        try
        {
            var shop = await customer.ClientAsync();
            Note(await stage.OrdersInFlightAsync(), "orders are not at an end");
            Note(
                await stage.QueryAsync<long>(
                    "notifications", $"SELECT count(*) FROM mails WHERE status = 'pending' AND event_id NOT LIKE '{Faults.PoisonKit.MarkPrefix}%'"),
                "mails wait");
            Note(
                await stage.QueryAsync<long>(
                    "notifications",
                    $"SELECT count(*) FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id WHERE d.status = 'pending' AND w.url NOT LIKE '%/{Stage.FlakyEndpoint}'"),
                "webhooks wait for a receiver that works");
            foreach (var projection in (await shop.GetAsync("orders", "/v1/ops/projections")).GetProperty("items").EnumerateArray())
            {
                Note(projection.GetProperty("lag").GetInt64(), $"events are not in the read model {projection.GetProperty("name")}");
            }

            foreach (var service in Oracle.ServiceNames)
            {
                Note((await shop.GetAsync(service, "/v1/ops/outbox")).GetProperty("pending").GetInt64(), $"messages wait in the outbox of {service}");
            }

            foreach (var queue in (await stage.Cluster.Vhost.GetAsync("queues")).EnumerateArray())
            {
                var name = queue.GetProperty("name").GetString()!;
                if ((name == ShopContracts.Exchanges.Unrouted || Oracle.ServiceNames.Any(s => name.StartsWith(s + ".", StringComparison.Ordinal)))
                    && queue.TryGetProperty("messages", out var messages) && messages.ValueKind == JsonValueKind.Number)
                {
                    // What the processes told of their own start, before anybody saw to it that what nobody takes is ignored, nobody takes.
                    var waiting = name == ShopContracts.Exchanges.Unrouted && messages.GetInt64() > 0
                        ? (await stage.Cluster.Vhost.WaitingAsync(name)).Count(type => !type.StartsWith("shop.system.", StringComparison.Ordinal))
                        : messages.GetInt64();
                    Note(waiting, $"messages are in the queue {name}");
                }
            }
        }
        catch (HttpRequestException e) when (e.StatusCode == HttpStatusCode.Unauthorized)
        {
            customer.SignOut();   // a token lives for less long than a system may take to come to rest
            unrest.Add(e.Message);
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or Npgsql.NpgsqlException)
        {
            unrest.Add(e.Message);
        }

        return unrest;

        void Note(long count, string what)
        {
            if (count > 0)
            {
                unrest.Add($"{count} {what}");
            }
        }
    }
}
