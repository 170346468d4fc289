using Chassis.Testing;

namespace ShopConsole.Tests;

public sealed class The_console
{
    [Fact]
    public void Has_a_place_where_make_up_looks_for_it() =>
        File.Exists(Path.Combine(Repository.Root, "services/console/Console/Dockerfile")).ShouldBeTrue();
}
