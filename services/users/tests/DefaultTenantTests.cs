using Chassis.Testing;
using Contracts.Events;

namespace Users.Tests;

/// <summary>Whoever registers belongs to a tenant.</summary>
public sealed class DefaultTenantFixture : UsersFixture
{
    protected override void Configure(IDictionary<string, string> settings)
    {
        base.Configure(settings);
        settings["Users:DefaultTenant"] = "house";
    }
}

public sealed class A_default_tenant(DefaultTenantFixture service) : IClassFixture<DefaultTenantFixture>
{
    [Fact]
    public async Task Is_that_of_whoever_registers_and_of_what_is_told_of_them()
    {
        await using var tap = await EventTap.OpenAsync(service.Vhost.Uri, "shop.user.#");
        var account = await service.RegisterAsync();
        (await tap.NextAsync("shop.user.registered.v1", account.Id.ToString())).Headers.GetValueOrDefault(CloudEventHeaders.TenantId).ShouldBe("house");
    }

    [Fact]
    public async Task Is_not_that_of_the_first_operator() =>
        (await service.Database.ScalarAsync<long>(
            $"SELECT count(*) FROM users WHERE email = '{UsersFixture.OperatorEmail}' AND tenant_id IS NULL")).ShouldBe(1);
}
