using Chassis.Testing;
using Notifications.Persistence;

namespace Notifications.Tests;

public sealed class MigrationTests
{
    [Fact]
    public void A_released_migration_never_changes() =>
        SchemaComparison.VerifyReleasedMigrations<NotificationsDbContext>(new Dictionary<string, string>
        {
            ["0001_initial"] = "53b39fc121a24cc7",
            ["0002_erasures"] = "d3c6fc89b72987d0",
            ["0003_outcomes_of_sending"] = "10346cb788090c44",
            ["0004_ids_of_stored_answers"] = "4fee235f72245c7b",
            ["0005_audit"] = "dc7c18006dae4335",
            ["0006_ended_sessions"] = "1629d70988ca4c04",
            ["0007_ended_single_sessions"] = "9de9b869fb471278",
            ["0008_stored_ids_of_answers"] = "80a8921a30130935",
            ["0009_times_of_events"] = "8d58e4e4a99fa189",
            ["0010_traces"] = "9f22ea2ed8177a08",
            ["0011_retries"] = "ba7d8b924d325d80",
            ["0012_lists_of_operators"] = "101464c801327c09",
            ["0013_partitions"] = "f76a9b0b9cba6dcd",
            ["0014_inbox_by_weeks"] = "2fc620cfe27a7c4b",
            ["0015_archive_by_quarters"] = "4e15d1ea2025ba56",
            ["0016_shares"] = "e941212457bb8880",
        });
}
