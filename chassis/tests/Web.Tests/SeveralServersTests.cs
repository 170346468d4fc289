using Chassis.Data;
using Microsoft.Extensions.Configuration;
using Npgsql;

namespace Web.Tests;

/// <summary>Of several servers of one database the service takes the one that takes writes, and looks again soon.</summary>
public sealed class SeveralServersTests
{
    [Fact]
    public void Of_several_the_primary_is_wanted_and_looked_for_every_second()
    {
        var connection = Connection("Host=one:5432,two:5433;Database=orders");
        connection.TargetSessionAttributes.ShouldBe("primary");
        connection.HostRecheckSeconds.ShouldBe(1);
    }

    [Fact]
    public void What_somebody_has_chosen_stays()
    {
        var connection = Connection("Host=one,two;Database=orders;Target Session Attributes=any;Host Recheck Seconds=30");
        connection.TargetSessionAttributes.ShouldBe("any");
        connection.HostRecheckSeconds.ShouldBe(30);
    }

    [Fact]
    public void Of_one_there_is_nothing_to_choose() => Connection("Host=one;Database=orders").TargetSessionAttributes.ShouldBeNull();

    private static NpgsqlConnectionStringBuilder Connection(string database)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([new("ConnectionStrings:Database", database)]).Build();
        using var source = DatabaseConnections.CreateDataSource(configuration, DatabaseConnections.RuntimeConnection);
        return new NpgsqlConnectionStringBuilder(source.ConnectionString);
    }
}
