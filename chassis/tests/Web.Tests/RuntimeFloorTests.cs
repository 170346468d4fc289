using Chassis.Testing;

namespace Chassis.Web.Tests;

public sealed class RuntimeFloorTests
{
    [Theory]
    [InlineData("10.0.12", true)]
    [InlineData("9.0.99", true)]
    [InlineData("10.0.13", false)]
    [InlineData("10.0.20", false)]
    [InlineData("11.0.0", false)]
    public void A_runtime_with_known_vulnerabilities_is_named_in_the_log(string runtime, bool isOutdated)
    {
        using var log = new LogLines();
        RuntimeFloor.Check(log, Version.Parse(runtime));
        log.Lines.Any(line => line.Contains(runtime, StringComparison.Ordinal)).ShouldBe(isOutdated);
    }
}
