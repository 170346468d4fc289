using System.Diagnostics;
using Chassis.Testing;
using Npgsql;

namespace Messaging.Tests;

public sealed class CostMeterTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Statements_count_and_a_connection_that_had_to_be_made_for_them_does_not()
    {
        using var meter = new CostMeter();
        using (var unit = new Activity("unit").SetParentId(meter.Parent).Start())
        {
            await using var pool = NpgsqlDataSource.Create(fixture.Database.Migrations);
            await using var command = pool.CreateCommand("SELECT 1; SELECT 2");
            await command.ExecuteNonQueryAsync(Token);
        }

        (meter.RoundTrips, meter.Statements).ShouldBe((1, 2), meter.ToString());
    }
}
