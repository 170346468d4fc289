using Chassis.Testing;
using Chassis.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace Users.Tests;

public sealed class The_settings(UsersFixture service)
{
    [Fact]
    public void Are_refused_whatever_is_wrong_in_them() => SettingsWalk.Verify(service.Services).ShouldBeGreaterThan(10);

    [Theory]
    [InlineData("Users:Clients:partner:Secret", "")]
    [InlineData("Users:Clients:partner:Secret", "too-short")]
    [InlineData("Users:Clients:partner:Role", "root")]
    [InlineData("Users:Roles:operator", "stock.read", ":0")]
    [InlineData("Users:Roles:Night Shift", "stock.read", ":0")]
    [InlineData("Users:Roles:night-shift", "everything!", ":0")]
    [InlineData("Users:Passwords:Iterations", "1")]
    [InlineData("Users:Passwords:Iterations", "many")]
    [InlineData("Users:Throttle:AccountFailures", "0")]
    [InlineData("Users:MasterSecret", "short")]
    [InlineData("RateLimit:WindowSeconds", "0")]
    [InlineData("Authentication:Authority", "http://issuer.example")]
    public async Task That_are_wrong_stop_the_start_with_their_path_and_without_a_secret(string setting, string value, string below = "")
    {
        using var log = new LogLines();
        await using var app = Build(log, setting + below, value);
        (await app.RunServiceAsync([])).ShouldBe(1);

        var line = log.Lines.ShouldHaveSingleItem();
        line.ShouldStartWith("Critical");
        line.ShouldContain($"{setting}");
        line.ShouldNotContain("too-short");
    }

    [Theory]
    [InlineData("Users:MasterSecret", "development-only-master-secret-of-the-users-service")]
    [InlineData("Users:Operator:Password", "Operator-dev-1")]
    [InlineData("Users:Clients:partner:Secret", "partner-client-secret-dev")]
    public async Task Of_development_stop_the_start_elsewhere(string setting, string value)
    {
        using var log = new LogLines();
        await using var app = Build(log, setting, value);
        (await app.RunServiceAsync([])).ShouldBe(1);
        log.Lines.ShouldHaveSingleItem().ShouldContain(setting.Replace(":", "__", StringComparison.Ordinal));
    }

    private static WebApplication Build(LogLines log, string setting, string value)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = "Production" });
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Authentication:Authority"] = "http://localhost",
            ["Users:MasterSecret"] = "the-master-secret-of-these-tests-alone",
            ["Users:Clients:partner:Secret"] = "partner-secret-of-the-tests",
            [setting] = value,
        });
        builder.AddServiceDefaults("users");
        builder.AddUsers();
        builder.Logging.ClearProviders().AddProvider(log);
        return builder.Build();
    }
}
