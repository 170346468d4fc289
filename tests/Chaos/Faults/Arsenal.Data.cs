using Chassis.Testing;
using Shop.Cluster;

namespace Shop.Chaos.Faults;

/// <summary>What goes wrong on the side of the data: people who are erased, messages that nobody has thought of.</summary>
public sealed partial class Arsenal
{
    private const int Crowd = 4;

    private IReadOnlyList<(string Name, Func<Fault> Draw)> DataKinds => [("erase", EraseCrowd), ("odd-message", OddMessages), ("forge", Forge)];

    /// <summary>
    /// A few people order while the orders service cannot reach its broker. It is killed, so that what it has to say of their orders is nowhere but in its
    /// outbox, and that is parked. Then they are erased, and only when the orders service has heard of that an operator lets the parked messages go.
    /// </summary>
    private Fault EraseCrowd()
    {
        TcpProxy[] links = [.. stage.LinksToBroker("orders")];
        return new Fault("people are erased, messages about them are parked", $"{Crowd} customers", TimeSpan.Zero, async () =>
        {
            var erasures = await market.GatherAsync(Crowd, () => Do(() => Array.ForEach(links, l => l.Set(LinkMode.Reset))));
            Each("orders", r => r.Kill());
            await ParkAsync();
            Array.ForEach(links, Mend);
            await Task.WhenAll(stage.Cluster.Of("orders").Select(Start));
            await Task.WhenAll(erasures.Select(erase => erase()));
            await WaitUntilHeardAsync();
        }, ReleaseParkedAsync);
    }

    private Task ParkAsync() => stage.ExecuteAsync("orders", "UPDATE messaging.outbox SET parked_at = now() WHERE parked_at IS NULL AND NOT scheduled");

    // Those who are erased by now: the wave goes on, and erases more while this waits.
    private Task WaitUntilHeardAsync()
    {
        var people = market.Erased.Select(p => $"'{p.Customer.UserId}'").Distinct().ToArray();
        return people.Length == 0 ? Nothing() : Poll.UntilAsync(
            async () => await stage.QueryAsync<long>(
                "orders", $"SELECT count(*) FROM catalogue_users WHERE status = 'erased' AND user_id IN ({string.Join(',', people)})") == people.Length,
            "the orders service to hear of the erasures",
            TimeSpan.FromSeconds(120));
    }

    private async Task ReleaseParkedAsync()
    {
        using var shop = await ShopClient.OperatorAsync(stage.Cluster);
        await shop.PostAsync("orders", "/v1/ops/outbox/release");
    }

    private Fault Forge() => new("forged facts", "all accounts, all exchanges", TimeSpan.Zero, stage.Forge.PlantAsync, Nothing);

    private Fault OddMessages() => new("odd messages", "all exchanges and queues", TimeSpan.Zero, stage.Odd.PlantAsync, Nothing);
}
