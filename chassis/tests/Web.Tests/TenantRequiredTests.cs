using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Chassis.Web.Tests;

/// <summary>An installation whose tokens come from elsewhere and have to name a tenant.</summary>
public sealed class SampleOfTenants : SampleService
{
    public SampleOfTenants() => Settings["Authentication:RequireTenant"] = "true";
}

public sealed class Where_a_tenant_is_required(SampleOfTenants service) : IClassFixture<SampleOfTenants>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("operator", null, HttpStatusCode.Unauthorized)]
    [InlineData("customer", null, HttpStatusCode.Unauthorized)]
    [InlineData("operator", "north", HttpStatusCode.OK)]
    [InlineData("customer", "north", HttpStatusCode.OK)]
    [InlineData("system-operator", null, HttpStatusCode.OK)]
    [InlineData("system-operator", "north", HttpStatusCode.Forbidden)]
    public async Task Nobody_without_one_gets_in_but_who_is_said_to_be_of_the_installation(string role, string? tenant, HttpStatusCode expected)
    {
        using var client = service.Client(service.Tokens.For("somebody", role, tenant));
        using var answer = await client.GetAsync("/things/caller", Token);
        answer.StatusCode.ShouldBe(expected);
    }

    [Fact]
    public async Task Who_is_of_the_installation_is_an_operator_of_all_tenants()
    {
        using var client = service.Client(service.Tokens.For("somebody", "system-operator"));
        var caller = await client.GetFromJsonAsync<JsonElement>("/things/caller", Token);
        caller.GetProperty("isOperator").GetBoolean().ShouldBeTrue();
        caller.GetProperty("tenantId").ValueKind.ShouldBe(JsonValueKind.Null);
    }
}
