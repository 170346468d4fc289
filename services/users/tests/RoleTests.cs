using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Web;
using Microsoft.IdentityModel.JsonWebTokens;
using Users.Persistence;

namespace Users.Tests;

public sealed class The_role_of_an_operator(UsersFixture service)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Is_given_by_another_and_lets_do_what_is_in_it_and_nothing_else()
    {
        var (account, before) = await ColleagueAsync();
        using var chief = service.Operator();
        (await GiveAsync(chief, account.Id, "support")).StatusCode.ShouldBe(HttpStatusCode.OK);

        (await before.GetAsync("/v1/users/me", Token)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        using var colleague = await service.SignedInAsync(account);
        var token = new JsonWebToken(colleague.DefaultRequestHeaders.Authorization!.Parameter);
        token.GetClaim("role").Value.ShouldBe("support");
        token.Claims.Where(c => c.Type == "entitlements")
            .Select(c => c.Value)
            .ShouldBe(["personal-data.read", "users.write", "orders.write", "stock.read"], ignoreOrder: true);

        var customer = await service.RegisterAsync();
        (await colleague.GetAsync($"/v1/users/{customer.Id}", Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await colleague.PostAsJsonAsync($"/v1/users/{customer.Id}/deactivate", new { reason = "asked for it" }, Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await colleague.GetAsync("/v1/ops/outbox", Token)).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await colleague.GetAsync("/v1/ops/audit", Token)).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await colleague.PostAsync("/v1/ops/signing-keys/rotate", null, Token)).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await GiveAsync(colleague, customer.Id, "support")).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task Is_gone_from_every_session_when_it_is_taken_away()
    {
        var (account, _) = await ColleagueAsync();
        using var chief = service.Operator();
        await GiveAsync(chief, account.Id, "support");
        using var colleague = await service.SignedInAsync(account);
        (await colleague.GetAsync("/v1/users", Token)).StatusCode.ShouldBe(HttpStatusCode.OK);

        (await GiveAsync(chief, account.Id, "customer")).StatusCode.ShouldBe(HttpStatusCode.OK);

        (await colleague.GetAsync("/v1/users", Token)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        using var after = await service.SignedInAsync(account);
        (await after.GetAsync("/v1/users", Token)).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        new JsonWebToken(after.DefaultRequestHeaders.Authorization!.Parameter).Claims.ShouldNotContain(c => c.Type == "entitlements");

        var events = (await chief.GetFromJsonAsync<JsonElement>($"/v1/users/{account.Id}/events", Token)).GetProperty("items").EnumerateArray().ToList();
        events.Select(e => e.GetProperty("eventType").GetString()).ShouldBe(["user-registered", "role-changed", "role-changed"]);
        events[2].GetProperty("payload").GetProperty("oldRole").GetString().ShouldBe("support");
        events[2].GetProperty("payload").GetProperty("reason").GetString().ShouldBe("a test");
    }

    [Fact]
    public async Task Is_never_ones_own_to_change()
    {
        var (account, _) = await ColleagueAsync();
        using var self = service.WithToken(service.TokenFor(account.Id, "operator", permissions: null));
        using var answer = await GiveAsync(self, account.Id, "operator");
        answer.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await answer.Content.ReadAsStringAsync(Token)).ShouldContain("own_account");
    }

    [Theory]
    [InlineData("warehouse", HttpStatusCode.OK)]
    [InlineData("support", HttpStatusCode.Forbidden)]
    [InlineData("operator", HttpStatusCode.Forbidden)]
    public async Task Is_not_more_than_whoever_gives_it_has(string role, HttpStatusCode expected)
    {
        var (account, _) = await ColleagueAsync();
        using var foreman = service.WithToken(service.TokenFor(Guid.CreateVersion7(), "foreman", ["operators.write", "stock.read", "stock.write"]));
        (await GiveAsync(foreman, account.Id, role)).StatusCode.ShouldBe(expected);
    }

    [Theory]
    [InlineData("deactivate")]
    [InlineData("password-reset")]
    [InlineData("role")]
    [InlineData("erase")]
    public async Task Keeps_those_who_may_do_less_from_the_account(string act)
    {
        var (account, _) = await ColleagueAsync();
        using var chief = service.Operator();
        await GiveAsync(chief, account.Id, "auditor");
        using var helper = service.WithToken(service.TokenFor(Guid.CreateVersion7(), "helper", ["operators.write", "users.write", "personal-data.read"]));

        using var answer = await (act switch
        {
            "role" => GiveAsync(helper, account.Id, "customer"),
            "erase" => helper.DeleteAsync($"/v1/users/{account.Id}", Token),
            _ => helper.PostAsJsonAsync($"/v1/users/{account.Id}/{act}", new { reason = "a test" }, Token),
        });

        answer.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await answer.Content.ReadAsStringAsync(Token)).ShouldContain("higher_role");
        (await helper.GetAsync($"/v1/users/{account.Id}", Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Is_one_that_there_is_for_an_account_that_is_open_and_has_a_reason()
    {
        var (account, _) = await ColleagueAsync();
        using var chief = service.Operator();
        (await GiveAsync(chief, account.Id, "emperor")).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await chief.PutAsJsonAsync($"/v1/users/{account.Id}/role", new { role = "support", reason = " " }, Token)).StatusCode.ShouldBe(
            HttpStatusCode.BadRequest);
        (await GiveAsync(chief, Guid.CreateVersion7(), "support")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        await chief.PostAsJsonAsync($"/v1/users/{account.Id}/deactivate", new { reason = "left" }, Token);
        (await GiveAsync(chief, account.Id, "support")).StatusCode.ShouldBe(HttpStatusCode.Conflict);
    }

    [Fact]
    public async Task Can_be_looked_for_and_looked_up()
    {
        var (account, _) = await ColleagueAsync();
        using var chief = service.Operator();
        await GiveAsync(chief, account.Id, "on-call");

        var listed = (await chief.GetFromJsonAsync<JsonElement>("/v1/users?role=on-call&limit=200", Token)).GetProperty("items").EnumerateArray().ToList();
        listed.ShouldAllBe(u => u.GetProperty("role").GetString() == "on-call");
        listed.ShouldContain(u => u.GetProperty("id").GetGuid() == account.Id);
        (await chief.GetAsync("/v1/users?role=emperor", Token)).StatusCode.ShouldBe(HttpStatusCode.BadRequest);

        var roles = (await chief.GetFromJsonAsync<JsonElement>("/v1/roles", Token)).EnumerateArray().ToDictionary(
            r => r.GetProperty("name").GetString()!, r => r.GetProperty("permissions"));
        roles["operator"].ValueKind.ShouldBe(JsonValueKind.Null);
        roles["on-call"].EnumerateArray().Select(p => p.GetString()).ShouldBe(["ops.read", "ops.act", "ops.replay"]);
        roles["customer"].GetArrayLength().ShouldBe(0);
    }

    [Fact]
    public void That_the_installation_does_not_know_any_more_lets_do_nothing()
    {
        var roles = new OperatorRoles(new Dictionary<string, string[]> { ["night-shift"] = ["stock.read"], ["auditor"] = ["audit.read"] });
        roles.PermissionsOf("night-shift").ShouldBe(["stock.read"]);
        roles.PermissionsOf("auditor").ShouldBe(["audit.read"]);
        roles.PermissionsOf("day-shift").ShouldBeEmpty();
        roles.Exists("day-shift").ShouldBeFalse();
        roles.PermissionsOf(Roles.Operator).ShouldBeEmpty();
    }

    private static Task<HttpResponseMessage> GiveAsync(HttpClient by, Guid id, string role) =>
        by.PutAsJsonAsync($"/v1/users/{id}/role", new { role, reason = "a test" }, Token);

    private async Task<(Account Account, HttpClient SignedIn)> ColleagueAsync()
    {
        var account = await service.RegisterAsync();
        return (account, await service.SignedInAsync(account));
    }
}
