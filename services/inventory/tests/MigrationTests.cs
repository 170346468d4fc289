using Chassis.Testing;
using Inventory.Persistence;

namespace Inventory.Tests;

public sealed class MigrationTests
{
    [Fact]
    public void A_released_migration_never_changes() =>
        SchemaComparison.VerifyReleasedMigrations<InventoryDbContext>(new Dictionary<string, string>
        {
            ["0001_initial"] = "3b44f4e403fff343",
            ["0002_erasures"] = "d3c6fc89b72987d0",
            ["0003_tenants"] = "9ef7c38507d0b529",
            ["0004_recipe_shipments"] = "bf467c1b9f8a4e29",
            ["0005_ids_of_stored_answers"] = "4fee235f72245c7b",
            ["0006_audit"] = "dc7c18006dae4335",
            ["0007_ended_sessions"] = "1629d70988ca4c04",
            ["0008_ended_single_sessions"] = "9de9b869fb471278",
            ["0009_stored_ids_of_answers"] = "80a8921a30130935",
            ["0010_retries"] = "ba7d8b924d325d80",
            ["0011_lists_of_operators"] = "fd273abbb8ab8865",
            ["0012_partitions"] = "f76a9b0b9cba6dcd",
            ["0013_inbox_by_weeks"] = "2fc620cfe27a7c4b",
            ["0014_archive_by_quarters"] = "4e15d1ea2025ba56",
            ["0015_shares"] = "ba975c9466d12efd",
        });
}
