using Chassis.Testing;
using Users.Persistence;

namespace Users.Tests;

public sealed class Migrations
{
    [Fact]
    public void Never_change_once_they_are_released() =>
        SchemaComparison.VerifyReleasedMigrations<UsersDbContext>(new Dictionary<string, string>
        {
            ["0001_initial"] = "7a12ac8f6584879b",
            ["0002_erasures"] = "d3c6fc89b72987d0",
            ["0003_ids_of_stored_answers"] = "4fee235f72245c7b",
            ["0004_audit"] = "dc7c18006dae4335",
            ["0005_session_epochs"] = "7b9a6faf6a0e7eca",
            ["0006_sign_in_networks"] = "1543542c9f43fcfe",
            ["0007_first_operator"] = "5a24eb4e1c8a4b80",
            ["0008_token_server"] = "96d357dd296e1a2e",
            ["0009_account_tickets"] = "7576b27d9db2ccbd",
            ["0010_verified_addresses"] = "b40b7f73c8b0f73c",
            ["0011_roles"] = "6ae5e722448ea3dc",
            ["0012_second_factors"] = "b32d65b5cd6a5ef0",
            ["0013_normal_addresses"] = "a5e385487fb2bc9d",
            ["0014_stored_ids_of_answers"] = "80a8921a30130935",
            ["0015_retries"] = "ba7d8b924d325d80",
            ["0016_partitions"] = "f76a9b0b9cba6dcd",
            ["0017_inbox_by_weeks"] = "2fc620cfe27a7c4b",
            ["0018_archive_by_quarters"] = "4e15d1ea2025ba56",
            ["0019_shares"] = "ba975c9466d12efd",
        });
}
