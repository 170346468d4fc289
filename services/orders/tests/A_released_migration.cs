using Chassis.Testing;
using Orders.Persistence;

namespace Orders.Tests;

public sealed class A_released_migration
{
    [Fact]
    public void Never_changes() =>
        SchemaComparison.VerifyReleasedMigrations<OrdersDbContext>(new Dictionary<string, string>
        {
            ["0001_initial"] = "37bf039f75d3e515",
            ["0002_fulfilment"] = "4af8972ad79780e5",
            ["0003_transaction_clock"] = "52f244f292a2531b",
            ["0004_erasures"] = "d3c6fc89b72987d0",
            ["0005_pending_payments"] = "35bbc107322c8664",
            ["0006_stuck_payments"] = "9e98f2896aec79ff",
            ["0007_final_positions"] = "cad50a4ac0d91d5c",
            ["0008_ids_of_stored_answers"] = "4fee235f72245c7b",
            ["0009_audit"] = "dc7c18006dae4335",
            ["0010_ended_sessions"] = "1629d70988ca4c04",
            ["0011_ended_single_sessions"] = "9de9b869fb471278",
            ["0012_stored_ids_of_answers"] = "80a8921a30130935",
            ["0013_retries"] = "ba7d8b924d325d80",
            ["0014_lists_of_operators"] = "6142f664dfe46317",
            ["0015_partitions"] = "f76a9b0b9cba6dcd",
            ["0016_inbox_by_weeks"] = "2fc620cfe27a7c4b",
            ["0017_archive_by_quarters"] = "4e15d1ea2025ba56",
            ["0018_events_by_quarters"] = "f09455d17dee600c",
            ["0019_shares"] = "ba975c9466d12efd",
        });
}
