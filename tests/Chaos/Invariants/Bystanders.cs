using Chassis.Testing;
using Shop.Cluster;

namespace Shop.Chaos.Invariants;

/// <summary>What is to go on while something lasts that is none of the services' business. Asked while it lasts.</summary>
public sealed class Bystanders(Stage stage)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly List<string> _stuck = [];

    /// <summary>How many things were looked at.</summary>
    public int Looks { get; private set; }

    /// <summary>What did not go on.</summary>
    public IReadOnlyList<string> Stuck => _stuck;

    /// <summary>Waits until what there is now has gone on: projections have reached the events, messages and mails that are due have left.</summary>
    public async Task LookAsync()
    {
        var now = await stage.QueryAsync<DateTime>("orders", "SELECT now()");
        var since = $"'{now:O}'";
        var last = await stage.QueryAsync<long>("orders", "SELECT coalesce(max(position), 0) FROM event_store.events");
        foreach (var service in Oracle.ServiceNames)
        {
            await GoesOnAsync($"messages in the outbox of {service}", async () => await stage.QueryAsync<long>(
                service, $"SELECT count(*) FROM messaging.outbox WHERE created_at < {since} AND due_at < {since} AND attempts = 0 AND parked_at IS NULL") == 0);
        }

        await GoesOnAsync("mails", async () => await stage.QueryAsync<long>(
            "notifications", $"SELECT count(*) FROM mails WHERE created_at < {since} AND status = 'pending' AND attempts = 0 AND due_at < {since}") == 0);
        using var shop = await ShopClient.OperatorAsync(stage.Cluster);
        await GoesOnAsync("statistics", async () =>
            (await shop.GetAsync("orders", "/v1/ops/projections"))
                .GetProperty("items")
                .EnumerateArray()
                .All(p => p.GetProperty("position").GetInt64() >= last));
    }

    private async Task GoesOnAsync(string what, Func<Task<bool>> condition)
    {
        Looks++;
        try
        {
            await Poll.UntilAsync(condition, what + " to go on", Limit);
        }
        catch (TimeoutException)
        {
            _stuck.Add($"{what} stood still");
        }
    }
}
