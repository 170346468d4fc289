using System.Text.Json;
using Chassis.Testing;
using Shop.Cluster;

namespace Shop.Chaos.Invariants;

/// <summary>The first invariant: after the last fault is healed, the system comes to rest by itself, within a limit.</summary>
public static class Calm
{
    private static readonly string[] ServiceNames = ["users", "orders", "inventory", "notifications"];

    public static async Task<Verdict> WaitAsync(Stage stage, TimeSpan limit)
    {
        var unrest = new List<string>();
        using var shop = await ShopClient.OperatorAsync(stage.Cluster);
        try
        {
            await Poll.Until(
                async () =>
                {
                    unrest = await UnrestAsync(stage, shop);
                    return unrest.Count == 0;
                },
                "the system to come to rest",
                limit);
        }
        catch (TimeoutException)
        {
            // What is left says it better.
        }

        return new Verdict($"After the last fault everything comes to rest within {limit.TotalSeconds:0} s: no open order, no waiting message, no overdue timer", 9, unrest);
    }

    private static async Task<List<string>> UnrestAsync(Stage stage, ShopClient shop)
    {
        var unrest = new List<string>();
        try
        {
            if (await stage.OrdersInFlightAsync() is > 0 and var open)
            {
                unrest.Add($"{open} orders are not at an end");
            }

            foreach (var service in ServiceNames)
            {
                var pending = (await shop.GetAsync(service, "/v1/ops/outbox")).GetProperty("pending").GetInt64();
                if (pending > 0)
                {
                    unrest.Add($"{service}: {pending} messages wait in the outbox");
                }
            }

            var waiting = await stage.Cluster.Vhost.GetAsync("queues");
            unrest.AddRange(
                from queue in waiting.EnumerateArray()
                let name = queue.GetProperty("name").GetString()!
                where ServiceNames.Any(s => name.StartsWith(s + ".", StringComparison.Ordinal))
                let count = queue.TryGetProperty("messages", out var messages) && messages.ValueKind == JsonValueKind.Number ? messages.GetInt64() : 0
                where count > 0
                select $"{name}: {count} messages in the queue");
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or Npgsql.NpgsqlException)
        {
            unrest.Add(e.Message);
        }

        return unrest;
    }
}
