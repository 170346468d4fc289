using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;

namespace Users.Tests;

public sealed class Operators_accounts
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Once_closed_are_not_opened_again_by_their_owners()
    {
        await using var service = await StartAsync();
        var (firstId, first) = await SignInAsync(service, UsersFixture.OperatorEmail, UsersFixture.OperatorPassword);
        var (secondId, second) = await SecondAsync(service);
        (await first.PostAsJsonAsync($"/v1/users/{secondId}/deactivate", new { reason = "dismissed" }, Token)).StatusCode.ShouldBe(HttpStatusCode.OK);

        foreach (var path in (string[])["/v1/users", $"/v1/users/{firstId}", "/v1/ops/dead-letters"])
        {
            (await second.GetAsync(path, Token)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized, path);
        }

        (await second.PostAsync($"/v1/users/{secondId}/reactivate", null, Token)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        (await second.PutAsJsonAsync($"/v1/users/{firstId}/password", new { newPassword = "taken over by me" }, Token)).StatusCode.ShouldBe(
            HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Are_closed_by_somebody_else_only()
    {
        await using var service = await StartAsync();
        var (id, client) = await SecondAsync(service);
        using var answer = await client.PostAsJsonAsync($"/v1/users/{id}/deactivate", new { reason = "tired" }, Token);
        answer.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await answer.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("type").GetString()!.ShouldEndWith("own_account");
    }

    [Fact]
    public async Task Are_never_all_closed()
    {
        await using var service = await StartAsync();
        var (firstId, first) = await SignInAsync(service, UsersFixture.OperatorEmail, UsersFixture.OperatorPassword);
        using var alone = await first.DeleteAsync($"/v1/users/{firstId}", Token);
        alone.StatusCode.ShouldBe(HttpStatusCode.Conflict);
        (await alone.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("type").GetString()!.ShouldEndWith("last_operator");

        // Two who close each other in the same moment.
        var (secondId, second) = await SecondAsync(service);
        var answers = await Task.WhenAll(
            first.PostAsJsonAsync($"/v1/users/{secondId}/deactivate", new { reason = "you first" }, Token),
            second.PostAsJsonAsync($"/v1/users/{firstId}/deactivate", new { reason = "you first" }, Token));
        answers.Count(a => a.StatusCode == HttpStatusCode.OK).ShouldBe(1);
        (await service.Database.ScalarAsync<long>("SELECT count(*) FROM users WHERE role = 'operator' AND status = 'active'")).ShouldBe(1);
    }

    [Fact]
    public async Task Come_from_the_configuration_once_in_the_life_of_an_installation()
    {
        await using var service = await StartAsync();
        var (id, client) = await SignInAsync(service, UsersFixture.OperatorEmail, UsersFixture.OperatorPassword);
        (await client.PutAsJsonAsync($"/v1/users/{id}/email", new { email = "harder.to.guess@example.com" }, Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
        await service.RestartAsync();

        (await service.SignInAsync(UsersFixture.OperatorEmail, UsersFixture.OperatorPassword)).Status.ShouldBe(400);
        (await service.Database.ScalarAsync<long>("SELECT count(*) FROM users WHERE role = 'operator'")).ShouldBe(1);
    }

    private static async Task<UsersFixture> StartAsync()
    {
        var service = new UsersFixture();
        await service.InitializeAsync();
        return service;
    }

    private static async Task<(Guid Id, HttpClient Client)> SecondAsync(UsersFixture service)
    {
        var account = await service.RegisterAsync("Second Operator");
        await service.Database.ExecuteAsync($"UPDATE users SET role = 'operator' WHERE id = '{account.Id}'");
        return await SignInAsync(service, account.Email, account.Password);
    }

    private static async Task<(Guid Id, HttpClient Client)> SignInAsync(UsersFixture service, string email, string password)
    {
        var client = await service.SignedInAsync(new Account(Guid.Empty, email, password, ""));
        return ((await client.GetFromJsonAsync<JsonElement>("/v1/users/me", Token)).GetProperty("id").GetGuid(), client);
    }
}
