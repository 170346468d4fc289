using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Users.Tests;
using Users.Tokens;

[assembly: AssemblyFixture(typeof(UsersFixture))]

namespace Users.Tests;

/// <summary>The users service, in process. It issues its own tokens, so that nothing about them is pretended.</summary>
public class UsersFixture : ServiceFixture<Program>
{
    public const string OperatorEmail = "operator@shop.example";
    public const string OperatorPassword = "Operator-dev-1";
    public const string StorefrontCallback = "https://storefront.example/signed-in";

    private static int _counter;

    /// <summary>Signed with the service's own key: also for somebody who has no account.</summary>
    public override string TokenFor(Guid userId, string? role, IEnumerable<string>? permissions, string? tenant = null) =>
        Token(userId, role, permissions, tenant, DateTimeOffset.UtcNow);

    /// <summary>Of a customer who has shown a while ago who they are.</summary>
    public string TokenFor(Guid userId, DateTimeOffset signedInAt) => Token(userId, "customer", permissions: null, tenant: null, signedInAt);

    private string Token(Guid userId, string? role, IEnumerable<string>? permissions, string? tenant, DateTimeOffset signedInAt)
    {
        var claims = new Dictionary<string, object>
        {
            ["sub"] = userId.ToString(), ["client_id"] = "tests", ["jti"] = $"{Guid.NewGuid()}", ["session_epoch"] = 0, ["auth_time"] = signedInAt.ToUnixTimeSeconds(),
        };
        foreach (var (name, value) in new (string, object?)[] { ("role", role), ("entitlements", permissions?.ToArray()), ("tenant", tenant) })
        {
            if (value is not null)
            {
                claims[name] = value;
            }
        }

        var now = DateTime.UtcNow;
        return new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
        {
            Issuer = "http://localhost", Audience = "shop", TokenType = "at+jwt", IssuedAt = now, NotBefore = now, Expires = now.AddMinutes(15), Claims = claims,
            SigningCredentials = Services.GetRequiredService<SigningKeys>().Credentials[0],
        });
    }

    /// <summary>An account, as registered over HTTP.</summary>
    public async Task<Account> RegisterAsync(string fullName = "Jane Miller", string? email = null, string? tenant = null)
    {
        var account = new Account(
            Guid.Empty, email ?? $"jane{Interlocked.Increment(ref _counter)}.{Guid.NewGuid():n}@example.com", "correct horse battery", fullName);
        using var client = tenant is null ? Anonymous() : ClientFor(Guid.CreateVersion7(), @operator: true, tenant);
        using var answer = await client.PostAsJsonAsync("/v1/users", new { email = account.Email, password = account.Password, fullName });
        answer.StatusCode.ShouldBe(System.Net.HttpStatusCode.Created, await answer.Content.ReadAsStringAsync());
        return account with { Id = (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetGuid() };
    }

    /// <summary>Asks the token endpoint.</summary>
    public Task<(int Status, JsonElement Body)> TokenAsync(params (string Name, string Value)[] form) => TokenFromAsync(null, form);

    /// <summary>Asks the token endpoint from some address, as a proxy tells it.</summary>
    public async Task<(int Status, JsonElement Body)> TokenFromAsync(string? address, params (string Name, string Value)[] form)
    {
        using var client = Anonymous();
        if (address is not null)
        {
            client.DefaultRequestHeaders.Add("X-Forwarded-For", address);
        }

        using var content = new FormUrlEncodedContent(form.Select(p => KeyValuePair.Create(p.Name, p.Value)));
        using var answer = await client.PostAsync("/connect/token", content);
        return ((int)answer.StatusCode, await answer.Content.ReadFromJsonAsync<JsonElement>());
    }

    public Task<(int Status, JsonElement Body)> SignInAsync(string email, string password, string? from = null) =>
        TokenFromAsync(from, ("grant_type", "password"), ("username", email), ("password", password));

    /// <summary>Goes on with a session.</summary>
    public async Task<(int Status, string? Token)> RefreshAsync(string token)
    {
        var (status, body) = await TokenAsync(("grant_type", "refresh_token"), ("refresh_token", token));
        return (status, status == 200 ? body.GetProperty("refresh_token").GetString() : null);
    }

    /// <summary>A client that has signed in with e-mail and password.</summary>
    public async Task<HttpClient> SignedInAsync(Account account)
    {
        var (status, body) = await SignInAsync(account.Email, account.Password);
        status.ShouldBe(200, body.GetRawText());
        return WithToken(body.GetProperty("access_token").GetString()!);
    }

    protected override void Configure(IDictionary<string, string> settings)
    {
        settings["Authentication:Authority"] = "http://localhost";
        settings["Users:MasterSecret"] = "the-master-secret-of-these-tests-alone";
        settings["Users:Tokens:RefreshGrace"] = "00:00:00";
        settings["Proxy:Trusted"] = "127.0.0.0/8";
        settings["Users:Operator:Email"] = OperatorEmail;
        settings["Users:Operator:Password"] = OperatorPassword;
        settings["Users:Passwords:Iterations"] = "1000";
        settings["Users:Passwords:Refused:0"] = "teahouse";
        settings["Users:Clients:partner:Secret"] = "partner-secret-of-the-tests";
        settings["Users:Clients:partner:Role"] = "operator";
        settings["Users:Clients:partner:Tenant"] = "north";
        settings["Users:Clients:backoffice:Secret"] = "another-secret-of-the-tests";
        settings["Users:Clients:storefront:Name"] = "The <Storefront>";
        settings["Users:Clients:storefront:RedirectUris:0"] = StorefrontCallback;
    }
}

public sealed record Account(Guid Id, string Email, string Password, string FullName);
