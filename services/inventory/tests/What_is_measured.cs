using Chassis.Testing;
using Shop.Contracts.Inventory.V1;

namespace Inventory.Tests;

/// <summary>What metrics say of the warehouse, while nobody else orders.</summary>
public sealed class What_is_measured(What_is_measured.Alone inventory) : IClassFixture<What_is_measured.Alone>
{
    [Fact]
    public async Task Is_what_was_reserved_refused_released_and_shipped_once()
    {
        using var heard = new Measurements();
        var sku = await inventory.StockedAsync(5, reorderPoint: 3);
        var (shipped, released, refused, impossible) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        await Ask(shipped, new ReserveStock(shipped, [new(sku, 2)]), answers: 1);
        await Ask(shipped, new ReserveStock(shipped, [new(sku, 2)]), answers: 2);
        await Ask(released, new ReserveStock(released, [new(sku, 1)]), answers: 1);
        await Ask(refused, new ReserveStock(refused, [new(sku, 9)]), answers: 1);
        await Ask(impossible, new ReserveStock(impossible, [new("NO-SUCH-PRODUCT", 1)]), answers: 1);
        await Ask(released, new ReleaseStock(released, "cancelled"), answers: 2);
        await Ask(released, new ReleaseStock(released, "cancelled"), answers: 3);
        await Ask(shipped, new ShipOrder(shipped, ReservationTests.Address), answers: 3);

        await Poll.UntilAsync(() => Task.FromResult(Counted(heard, "shop.inventory.shipments")), counted => counted.Count == 1, "the parcel to be counted");
        Counted(heard, "shop.inventory.reservations").ShouldBe(
            [("outcome=reserved", 2), ("outcome=failed", 2), ("outcome=released", 1)], ignoreOrder: true);
        Counted(heard, "shop.inventory.stock_outs").ShouldBe([("", 1)], "a product that nobody knows is not short");
        Counted(heard, "shop.inventory.shipments").ShouldBe([("", 1)]);
        Counted(heard, "shop.inventory.low_stock").ShouldBe([("", 1)]);
        heard.Of(inventory.Services, "shop.inventory.reservation_group").Sum(g => g.Value).ShouldBe(5, "five commands to reserve");
    }

    [Fact]
    public async Task Is_counted_once_though_its_commit_was_tried_three_times()
    {
        using var heard = new Measurements();
        var sku = await inventory.StockedAsync(5);
        await inventory.Database.ExecuteAsync(
            """
            CREATE SEQUENCE conflicts;
            CREATE FUNCTION conflict() RETURNS trigger AS $$
            BEGIN
                IF nextval('conflicts') < 3 THEN RAISE EXCEPTION 'conflict' USING ERRCODE = 'serialization_failure'; END IF;
                RETURN NULL;
            END $$ LANGUAGE plpgsql SECURITY DEFINER;
            CREATE CONSTRAINT TRIGGER conflict AFTER INSERT ON reservations DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION conflict();
            """);
        var order = Guid.CreateVersion7();
        await Ask(order, new ReserveStock(order, [new(sku, 2)]), answers: 1);
        (await inventory.Database.ScalarAsync<long>("SELECT last_value FROM conflicts")).ShouldBe(3, "two commits were refused");
        await inventory.Database.ExecuteAsync("DROP TRIGGER conflict ON reservations; DROP FUNCTION conflict; DROP SEQUENCE conflicts");

        await Poll.UntilAsync(() => Task.FromResult(Counted(heard, "shop.inventory.reservations")), counted => counted.Count > 0, "it to be counted");
        Counted(heard, "shop.inventory.reservations").ShouldBe([("outcome=reserved", 1)]);
    }

    [Fact]
    public async Task Starts_at_zero_for_every_label_that_is_known()
    {
        using var heard = new Measurements();
        await using var replica = await inventory.StartReplicaAsync();
        heard.Counted(replica.Services, "shop.inventory.reservations").Keys.Order().ShouldBe(["outcome=failed", "outcome=released", "outcome=reserved"]);
        heard.Counted(replica.Services, "shop.inventory.stock_outs").ShouldBe(new Dictionary<string, double> { [""] = 0 });
    }

    private async Task Ask<T>(Guid order, T command, int answers)
        where T : class
    {
        await inventory.Commands.Send(command);
        await inventory.Events.WaitForAnswers(order, answers);
    }

    private List<(string Labels, double Count)> Counted(Measurements heard, string counter) =>
        [.. heard.Counted(inventory.Services, counter).Where(c => c.Value > 0).Select(c => (c.Key, c.Value))];

    public sealed class Alone : InventoryFixture;
}
