using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Chassis.Testing;

namespace Users.Tests;

public sealed class A_refresh_token(UsersFixture service)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Works_once_and_gives_the_next()
    {
        var first = await SignInAsync();
        var (status, second) = await RefreshAsync(first);
        status.ShouldBe(200);
        second.ShouldNotBe(first);

        (status, var third) = await RefreshAsync(second!);
        status.ShouldBe(200);
        third.ShouldNotBe(second);
    }

    [Fact]
    public async Task That_comes_back_ends_the_whole_family()
    {
        var first = await SignInAsync();
        var (_, second) = await RefreshAsync(first);
        var (_, third) = await RefreshAsync(second!);

        (await RefreshAsync(first)).Status.ShouldBe(400);
        (await RefreshAsync(third!)).Status.ShouldBe(400);
    }

    [Fact]
    public async Task Of_another_sign_in_is_not_touched_by_that()
    {
        var account = await service.RegisterAsync();
        var stolen = await SignInAsync(account);
        var other = await SignInAsync(account);
        await RefreshAsync(stolen);
        (await RefreshAsync(stolen)).Status.ShouldBe(400);

        (await RefreshAsync(other)).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Used_by_many_at_once_is_used_at_most_once()
    {
        var token = await SignInAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => RefreshAsync(token)));

        answers.Count(a => a.Status == 200).ShouldBeLessThanOrEqualTo(1);
        var survivor = answers.FirstOrDefault(a => a.Status == 200).Token;
        if (survivor is not null)
        {
            (await RefreshAsync(survivor)).Status.ShouldBe(400);
        }
    }

    [Fact]
    public async Task Belongs_to_its_client()
    {
        var token = await SignInAsync();
        (await service.TokenAsync(
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("client_id", "backoffice"),
            ("client_secret", "another-secret-of-the-tests"))).Status.ShouldBe(400);
        (await RefreshAsync(token)).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Lies_in_the_database_as_a_hash_only()
    {
        var token = await SignInAsync();
        (await service.Database.ScalarAsync<long>($"SELECT count(*) FROM oauth_tokens t WHERE t::text LIKE '%{token}%'")).ShouldBe(0);
        (await service.Database.ScalarAsync<long>(
            $"SELECT count(*) FROM oauth_tokens WHERE reference_id = '{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(token)))}'")).ShouldBe(1);
    }

    [Fact]
    public async Task Ends_with_a_new_password_with_deactivation_and_with_erasure()
    {
        var account = await service.RegisterAsync();
        using var client = await service.SignedInAsync(account);
        using var admin = service.Operator();

        var token = await SignInAsync(account);
        using var changed = await client.PutAsJsonAsync(
            $"/v1/users/{account.Id}/password", new { currentPassword = account.Password, newPassword = "another good one" }, Token);
        changed.StatusCode.ShouldBe(HttpStatusCode.NoContent);
        (await RefreshAsync(token)).Status.ShouldBe(400);
        (await service.SignInAsync(account.Email, account.Password)).Status.ShouldBe(400);

        account = account with { Password = "another good one" };
        token = await SignInAsync(account);
        await admin.PostAsJsonAsync($"/v1/users/{account.Id}/deactivate", new { reason = "fraud" }, Token);
        (await RefreshAsync(token)).Status.ShouldBe(400);
        (await service.SignInAsync(account.Email, account.Password)).Status.ShouldBe(400);

        await admin.PostAsync($"/v1/users/{account.Id}/reactivate", null, Token);
        token = await SignInAsync(account);
        using var erased = await admin.DeleteAsync($"/v1/users/{account.Id}", Token);
        erased.StatusCode.ShouldBe(HttpStatusCode.NoContent);
        (await RefreshAsync(token)).Status.ShouldBe(400);
        (await service.SignInAsync(account.Email, account.Password)).Status.ShouldBe(400);
    }

    [Fact]
    public async Task That_is_being_exchanged_while_the_password_changes_ends_too()
    {
        var account = await service.RegisterAsync();
        using var client = await service.SignedInAsync(account);
        var token = await SignInAsync(account);

        // Holds up the exchange in its middle, and the change of the password behind it.
        await using var connection = new Npgsql.NpgsqlConnection(service.Database.Migrations);
        await connection.OpenAsync(Token);
        await using var transaction = await connection.BeginTransactionAsync(Token);
        await using (var hold = new Npgsql.NpgsqlCommand($"SELECT FROM oauth_tokens WHERE subject = '{account.Id}' FOR UPDATE", connection, transaction))
        {
            await hold.ExecuteNonQueryAsync(Token);
        }

        var exchange = RefreshAsync(token);
        await Poll.UntilAsync(() => service.Database.WaitersBehindAsync(connection.ProcessID), n => n == 1, "the exchange to wait");
        var change = client.PutAsJsonAsync(
            $"/v1/users/{account.Id}/password", new { currentPassword = account.Password, newPassword = "another good one" }, Token);
        await Poll.UntilAsync(() => service.Database.WaitersBehindAsync(connection.ProcessID), n => n == 2, "the change to wait");
        await transaction.CommitAsync(Token);

        (await change).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        if ((await exchange).Token is { } successor)
        {
            (await RefreshAsync(successor)).Status.ShouldBe(400);
        }
    }

    [Fact]
    public async Task Is_not_given_for_a_password_that_was_changed_while_it_was_looked_at()
    {
        var account = await service.RegisterAsync();
        await using var connection = new Npgsql.NpgsqlConnection(service.Database.Migrations);
        await connection.OpenAsync(Token);
        await using var transaction = await connection.BeginTransactionAsync(Token);
        await using (var change = new Npgsql.NpgsqlCommand(
            // Still a hash, of some other password: whoever reads it after the change is to refuse, not to stumble.
            $"UPDATE users SET password_hash = overlay(password_hash placing 'AAAA' from 45), session_epoch = session_epoch + 1, version = version + 1 WHERE id = '{account.Id}'",
            connection,
            transaction))
        {
            await change.ExecuteNonQueryAsync(Token);
        }

        var signIn = service.SignInAsync(account.Email, account.Password);
        await Poll.UntilAsync(async () => signIn.IsCompleted || await service.Database.WaitersBehindAsync(connection.ProcessID) > 0, "the sign-in to wait for the change, or to overlook it");
        await transaction.CommitAsync(Token);

        (await signIn).Status.ShouldBe(400);
    }

    private async Task<string> SignInAsync(Account? account = null)
    {
        account ??= await service.RegisterAsync();
        var (status, body) = await service.SignInAsync(account.Email, account.Password);
        status.ShouldBe(200);
        return body.GetProperty("refresh_token").GetString()!;
    }

    private Task<(int Status, string? Token)> RefreshAsync(string token) => service.RefreshAsync(token);
}

public sealed class Signing_keys(UsersFixture service)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Are_announced_before_they_sign_and_rotate_without_a_restart_and_without_ending_a_session()
    {
        await using var own = new RotatingFixture();
        await own.InitializeAsync();
        var account = await own.RegisterAsync();
        using var before = await own.SignedInAsync(account);
        using var admin = own.Operator();
        var announced = await AskAsync(admin, "/v1/ops/signing-keys/rotate");
        (await AskAsync(admin, "/v1/ops/signing-keys/rotate")).ShouldBe(announced, "one is announced already");

        (await PublishedAsync(before)).ShouldBe([KeyOf(before), announced]);
        var after = await Poll.UntilAsync(async () => await own.SignedInAsync(account), client => KeyOf(client) == announced, "the announced key to sign");
        (await before.GetAsync("/v1/users/me", Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await after.GetAsync("/v1/users/me", Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await PublishedAsync(before)).ShouldBe([announced, KeyOf(before)]);
    }

    [Fact]
    public async Task Are_withdrawn_at_once_with_all_that_they_have_signed()
    {
        await using var own = new UsersFixture();
        await own.InitializeAsync();
        var account = await own.RegisterAsync();
        var (_, tokens) = await own.SignInAsync(account.Email, account.Password);
        using var before = own.WithToken(tokens.GetProperty("access_token").GetString()!);
        using var admin = own.Operator();
        using (var unknown = await admin.PostAsync("/v1/ops/signing-keys/unknown/withdraw", null, Token))
        {
            unknown.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        }

        var successor = await AskAsync(admin, $"/v1/ops/signing-keys/{KeyOf(before)}/withdraw");

        (await PublishedAsync(before)).ShouldBe([successor]);
        (await before.GetAsync("/v1/users/me", Token)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        (await admin.GetAsync("/v1/users", Token)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);

        // Sessions are of another key.
        var (status, refreshed) = await own.TokenAsync(("grant_type", "refresh_token"), ("refresh_token", tokens.GetProperty("refresh_token").GetString()!));
        status.ShouldBe(200);
        using var again = own.WithToken(refreshed.GetProperty("access_token").GetString()!);
        (await again.GetAsync("/v1/users/me", Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Lie_encrypted_in_the_database()
    {
        // A PKCS#8 key in the clear starts with a sequence that contains the id of the curve.
        (await service.Database.ScalarAsync<long>(
            "SELECT count(*) FROM signing_keys WHERE position('\\x2a8648ce3d030107'::bytea IN private_key) > 0")).ShouldBe(0);
        (await service.Database.ScalarAsync<long>("SELECT count(*) FROM signing_keys")).ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task Are_found_by_discovery_under_the_name_of_the_issuer_whatever_the_caller_calls_it()
    {
        using var client = service.Anonymous();
        client.BaseAddress = new Uri("http://evil.example:8080");
        var document = await client.GetFromJsonAsync<JsonElement>("/.well-known/openid-configuration", Token);

        document.GetProperty("issuer").GetString().ShouldBe("http://localhost");
        document.EnumerateObject().Where(p => p.Name.EndsWith("_endpoint", StringComparison.Ordinal) || p.Name == "jwks_uri").ToDictionary(
            p => p.Name, p => p.Value.GetString()).ShouldBe(
            new Dictionary<string, string?>
            {
                ["authorization_endpoint"] = "http://localhost/connect/authorize",
                ["token_endpoint"] = "http://localhost/connect/token",
                ["introspection_endpoint"] = "http://localhost/connect/introspect",
                ["end_session_endpoint"] = "http://localhost/connect/logout",
                ["revocation_endpoint"] = "http://localhost/connect/revoke",
                ["jwks_uri"] = "http://localhost/.well-known/jwks.json",
            },
            ignoreOrder: true);
        document.GetRawText().ShouldNotContain("evil");
    }

    [Fact]
    public async Task Are_the_same_after_a_restart()
    {
        await using var own = new UsersFixture();
        await own.InitializeAsync();
        var account = await own.RegisterAsync();
        var (_, body) = await own.SignInAsync(account.Email, account.Password);
        await own.RestartAsync();

        using var client = own.WithToken(body.GetProperty("access_token").GetString()!);
        (await client.GetAsync("/v1/users/me", Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    private static async Task<string> AskAsync(HttpClient admin, string path)
    {
        using var answer = await admin.PostAsync(path, null, Token);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        return (await answer.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("keyId").GetString()!;
    }

    private static async Task<IReadOnlyList<string>> PublishedAsync(HttpClient client)
    {
        var keys = (await client.GetFromJsonAsync<JsonElement>("/.well-known/jwks.json", Token)).GetProperty("keys").EnumerateArray().ToList();
        keys.ShouldAllBe(k => !k.EnumerateObject().Any(p => p.Name == "d"));
        keys.ShouldAllBe(k => k.GetProperty("kty").GetString() == "EC");
        return keys.ConvertAll(k => k.GetProperty("kid").GetString()!);
    }

    private sealed class RotatingFixture : UsersFixture
    {
        protected override void Configure(IDictionary<string, string> settings)
        {
            base.Configure(settings);
            settings["Users:Tokens:KeyAnnouncement"] = "00:00:05";
            settings["Users:Tokens:KeyCheckInterval"] = "00:00:01";
        }
    }

    private static string KeyOf(HttpClient client) => JsonDocument.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(
        client.DefaultRequestHeaders.Authorization!.Parameter!.Split('.')[0])).RootElement.GetProperty("kid").GetString()!;
}

public sealed class An_access_token(UsersFixture service)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("a new password")]
    [InlineData("a new address")]
    [InlineData("deactivation")]
    [InlineData("erasure")]
    public async Task Ends_at_once_with(string what)
    {
        var account = await service.RegisterAsync();
        using var client = await service.SignedInAsync(account);
        using var neighbour = await service.SignedInAsync(await service.RegisterAsync());
        using var admin = service.Operator();
        using var done = await (what switch
        {
            "a new password" =>
                client.PutAsJsonAsync($"/v1/users/{account.Id}/password", new { currentPassword = account.Password, newPassword = "another good one" }, Token),
            "a new address" => client.PutAsJsonAsync($"/v1/users/{account.Id}/email", new { email = "new." + account.Email }, Token),
            "deactivation" => admin.PostAsJsonAsync($"/v1/users/{account.Id}/deactivate", new { reason = "fraud" }, Token),
            _ => client.DeleteAsync($"/v1/users/{account.Id}", Token),
        });
        done.IsSuccessStatusCode.ShouldBeTrue();

        (await client.GetAsync("/v1/users/me", Token)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        (await neighbour.GetAsync("/v1/users/me", Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Of_a_session_that_was_refreshed_while_all_ended_ends_too()
    {
        var account = await service.RegisterAsync();
        var (_, tokens) = await service.SignInAsync(account.Email, account.Password);
        using var client = service.WithToken(tokens.GetProperty("access_token").GetString()!);
        var refreshes = Task.WhenAll(service.TokenAsync(("grant_type", "refresh_token"), ("refresh_token", tokens.GetProperty("refresh_token").GetString()!)));
        using var changed = await client.PutAsJsonAsync(
            $"/v1/users/{account.Id}/password", new { currentPassword = account.Password, newPassword = "another good one" }, Token);
        changed.StatusCode.ShouldBe(HttpStatusCode.NoContent);

        foreach (var (status, body) in await refreshes)
        {
            if (status == 200)
            {
                using var refreshed = service.WithToken(body.GetProperty("access_token").GetString()!);
                (await refreshed.GetAsync("/v1/users/me", Token)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
            }
        }
    }
}

/// <summary>Each has an installation of its own: what is tested is who is left.</summary>
