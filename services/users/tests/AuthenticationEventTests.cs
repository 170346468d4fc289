using System.Net.Http.Json;
using System.Security.Cryptography;

namespace Users.Tests;

public sealed class What_happens_at_the_doors(UsersFixture service)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Is_recorded()
    {
        var account = await service.RegisterAsync();
        for (var i = 0; i < 9; i++)
        {
            await service.SignInAsync(account.Email, "a wrong password");
        }

        var (_, tokens) = await service.SignInAsync(account.Email, account.Password);
        var refresh = tokens.GetProperty("refresh_token").GetString()!;
        await service.TokenAsync(("grant_type", "refresh_token"), ("refresh_token", refresh));
        await service.TokenAsync(("grant_type", "refresh_token"), ("refresh_token", refresh));
        using var client = await service.SignedInAsync(account);
        await client.PutAsJsonAsync($"/v1/users/{account.Id}/password", new { currentPassword = "a wrong password", newPassword = "another good one" }, Token);
        await client.PutAsJsonAsync($"/v1/users/{account.Id}/password", new { currentPassword = account.Password, newPassword = "another good one" }, Token);
        using var again = await service.SignedInAsync(account with { Password = "another good one" });
        await again.PutAsJsonAsync($"/v1/users/{account.Id}/email", new { email = "new." + account.Email }, Token);

        (await RecordedAsync(account.Id)).ShouldBe(
        [
            .. Enumerable.Repeat(
                "sign-in 400",
                9), "sign-in 200", "refresh 200", "refresh-token-reuse 400", "sign-in 200", "password-change 400", "password-change 204", "sessions-end 200",
            "sign-in 200", "email-change 200", "sessions-end 200",
        ]);
    }

    [Fact]
    public async Task Is_recorded_when_it_closes_them()
    {
        var account = await service.RegisterAsync();
        for (var i = 0; i < 12; i++)
        {
            await service.SignInAsync(account.Email, "a wrong password");
        }

        // What is not looked at is not recorded: whoever has to wait could fill the table.
        (await RecordedAsync(account.Id)).ShouldBe([.. Enumerable.Repeat("sign-in 400", 10), "lockout 429"]);
    }

    [Fact]
    public async Task Is_recorded_of_clients()
    {
        await service.TokenAsync(("grant_type", "client_credentials"), ("client_id", "backoffice"), ("client_secret", "another-secret-of-the-tests"));
        await service.TokenAsync(("grant_type", "client_credentials"), ("client_id", "backoffice"), ("client_secret", "a wrong secret"));
        var seen = await service.Database.ScalarAsync<string[]>(
            "SELECT array_agg(DISTINCT status::text) FROM audit.entries WHERE kind = 'authentication' AND event = 'client-sign-in' AND client_id = 'backoffice'");
        seen.ShouldBe(["200", "401"], ignoreOrder: true);
    }

    private async Task<string[]> RecordedAsync(Guid userId) => await service.Database.ScalarAsync<string[]>(
        $"SELECT array_agg(event || ' ' || status ORDER BY position) FROM audit.entries WHERE kind = 'authentication' AND user_id = '{userId}'") ?? [];
}
