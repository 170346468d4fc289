using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Users.Tests;

public sealed class Signing_in(UsersFixture service)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Gives_a_short_lived_token_that_says_nothing_about_the_person()
    {
        var account = await service.RegisterAsync();
        var (status, body) = await service.SignInAsync(account.Email, account.Password);

        status.ShouldBe(200);
        body.GetProperty("token_type").GetString().ShouldBe("Bearer");
        body.GetProperty("expires_in").GetInt32().ShouldBeInRange(840, 900);
        body.GetProperty("refresh_token").GetString()!.Length.ShouldBeGreaterThan(40);
        var parts = body.GetProperty("access_token").GetString()!.Split('.');
        var header = Decode(parts[0]);
        header["alg"]!.GetValue<string>().ShouldBe("ES256");
        header["typ"]!.GetValue<string>().ShouldBe("at+jwt");
        var payload = Decode(parts[1]);
        payload["sub"]!.GetValue<string>().ShouldBe(account.Id.ToString());
        payload["role"]!.GetValue<string>().ShouldBe("customer");
        payload["aud"]!.GetValue<string>().ShouldBe("shop");
        payload["iss"]!.GetValue<string>().ShouldBe("http://localhost");
        payload.Select(p => p.Key).ShouldBe(
            ["iss", "aud", "sub", "client_id", "iat", "exp", "jti", "role", "session_epoch", "auth_time", "sid", "scope", "oi_au_id", "oi_prst"],
            ignoreOrder: true);
    }

    [Fact]
    public async Task Is_answered_on_one_line_for_whoever_reads_it_in_a_shell()
    {
        var account = await service.RegisterAsync();
        using var client = service.Anonymous();
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "password", ["username"] = account.Email, ["password"] = account.Password,
        });
        using var answer = await client.PostAsync("/connect/token", form, Token);
        var text = await answer.Content.ReadAsStringAsync(Token);
        text.ShouldStartWith("{\"access_token\":\"");
        text.ShouldNotContain("\n");
    }

    [Theory]
    [InlineData("invalid_request", 400, "username", "a@b.example", "password", "x")]
    [InlineData("unsupported_grant_type", 400, "grant_type", "magic")]
    [InlineData("invalid_request", 400, "grant_type", "authorization_code", "code", "x")]
    [InlineData("invalid_grant", 400, "grant_type", "authorization_code", "code", "x", "redirect_uri", "https://x.example/", "code_verifier", "x", "client_id", "storefront")]
    [InlineData("invalid_request", 400, "grant_type", "password", "password", "x")]
    [InlineData("invalid_request", 400, "grant_type", "password", "username", "a@b.example")]
    [InlineData("invalid_request", 400, "grant_type", "refresh_token")]
    [InlineData("invalid_grant", 400, "grant_type", "refresh_token", "refresh_token", "unknown")]
    [InlineData("invalid_grant", 400, "grant_type", "password", "username", "nobody@nowhere.example", "password", "whatever it is")]
    [InlineData("invalid_grant", 400, "grant_type", "password", "username", "not an address", "password", "whatever it is")]
    [InlineData("invalid_request", 400, "grant_type", "client_credentials")]
    [InlineData("unauthorized_client", 400, "grant_type", "password", "username", "a@b.example", "password", "x", "client_id", "storefront")]
    [InlineData("invalid_client", 401, "grant_type", "client_credentials", "client_id", "partner", "client_secret", "wrong")]
    [InlineData("invalid_client", 401, "grant_type", "client_credentials", "client_id", "nobody", "client_secret", "wrong")]
    [InlineData("invalid_client", 401, "grant_type", "password", "username", "a@b.example", "password", "x", "client_id", "partner")]
    public async Task Fails_as_RFC_6749_says(string error, int expected, params string[] form)
    {
        var (status, body) = await service.TokenAsync([.. form.Chunk(2).Select(p => (p[0], p[1]))]);

        status.ShouldBe(expected);
        body.GetProperty("error").GetString().ShouldBe(error);
        body.GetProperty("error_description").GetString().ShouldNotBeNullOrEmpty();
    }

    [Theory]
    [InlineData("partner", "client_id", "partner", "client_secret", "partner-secret-of-the-tests")]
    [InlineData("partner", "client_secret", "partner-secret-of-the-tests")]
    [InlineData("partner", "client_id", "backoffice")]
    public async Task Takes_one_way_of_client_authentication(string client, params string[] form)
    {
        using var caller = service.Anonymous();
        caller.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{client}:partner-secret-of-the-tests")));
        using var content = new FormUrlEncodedContent(
            [KeyValuePair.Create("grant_type", "client_credentials"), .. form.Chunk(2).Select(p => KeyValuePair.Create(p[0], p[1]))]);
        using var answer = await caller.PostAsync("/connect/token", content, Token);
        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await answer.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("error").GetString().ShouldBe("invalid_request");
    }

    [Fact]
    public async Task Is_a_form_and_never_cached()
    {
        using var client = service.Anonymous();
        using var json = await client.PostAsJsonAsync("/connect/token", new { grant_type = "password" }, Token);
        json.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await json.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("error").GetString().ShouldBe("invalid_request");
        json.Headers.CacheControl!.NoStore.ShouldBeTrue();

        using var twice = await client.PostAsync(
            "/connect/token", new StringContent("grant_type=password&grant_type=password", Encoding.UTF8, "application/x-www-form-urlencoded"), Token);
        (await twice.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("error").GetString().ShouldBe("invalid_request");
    }

    [Theory]
    [InlineData("grant_type=refresh_token&refresh_token=a%00b")]
    [InlineData("grant_type=password&username=%ED%A0%80&password=%FF")]
    public async Task Is_text(string form)
    {
        using var client = service.Anonymous();
        using var answer = await client.PostAsync("/connect/token", new StringContent(form, Encoding.UTF8, "application/x-www-form-urlencoded"), Token);
        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Works_for_configured_clients_with_their_role_and_tenant()
    {
        using var client = service.Anonymous();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes("partner:partner-secret-of-the-tests")));
        using var answer = await client.PostAsync(
            "/connect/token", new FormUrlEncodedContent([KeyValuePair.Create("grant_type", "client_credentials")]), Token);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        var body = await answer.Content.ReadFromJsonAsync<JsonElement>(Token);
        body.TryGetProperty("refresh_token", out _).ShouldBeFalse();
        var payload = Decode(body.GetProperty("access_token").GetString()!.Split('.')[1]);
        payload["sub"]!.GetValue<string>().ShouldBe("partner");
        payload["client_id"]!.GetValue<string>().ShouldBe("partner");
        payload["role"]!.GetValue<string>().ShouldBe("operator");
        payload["tenant"]!.GetValue<string>().ShouldBe("north");

        (await service.TokenAsync(
            ("grant_type", "client_credentials"), ("client_id", "backoffice"), ("client_secret", "another-secret-of-the-tests"))).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Is_slowed_down_by_failures_of_an_account_that_exists_or_not()
    {
        var account = await service.RegisterAsync();
        foreach (var email in (string[])[account.Email, $"nobody.{Guid.NewGuid():n}@example.com"])
        {
            var codes = new List<int>();
            for (var i = 0; i < 12; i++)
            {
                codes.Add((await service.SignInAsync(email, "a wrong password")).Status);
            }

            codes.ShouldBe([.. Enumerable.Repeat(400, 10), 429, 429], $"for {email}");
        }

        using var client = service.Anonymous();
        using var right = await client.PostAsync(
            "/connect/token",
            new FormUrlEncodedContent(new Dictionary<string, string>
            {
                ["grant_type"] = "password", ["username"] = account.Email, ["password"] = account.Password,
            }),
            Token);
        right.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
        right.Headers.RetryAfter!.Delta!.Value.ShouldBeInRange(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60));

        (await service.Database.ScalarAsync<long>(
            $"SELECT count(*) FROM sign_in_failures WHERE encode(bucket, 'escape') LIKE '%{account.Email}%'")).ShouldBe(0);
    }

    [Fact]
    public async Task Cannot_be_guessed_faster_by_guessing_at_once()
    {
        var account = await service.RegisterAsync();
        var codes = (await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => service.SignInAsync(account.Email, "a wrong password")))).Select(
            a => a.Status).ToList();

        codes.Count(c => c == 400).ShouldBe(10);
        codes.Count(c => c == 429).ShouldBe(20);
    }

    [Fact]
    public async Task Right_forgets_the_failures_before()
    {
        var account = await service.RegisterAsync();
        for (var round = 0; round < 2; round++)
        {
            for (var i = 0; i < 9; i++)
            {
                (await service.SignInAsync(account.Email, "a wrong password")).Status.ShouldBe(400);
            }

            (await service.SignInAsync(account.Email, account.Password)).Status.ShouldBe(200);
        }
    }

    [Fact]
    public async Task Is_not_kept_from_the_owner_by_strangers_who_guess()
    {
        const string home = "203.0.113.7";
        var account = await service.RegisterAsync();
        (await service.SignInAsync(account.Email, account.Password, home)).Status.ShouldBe(200);
        var strangers = new List<int>();
        for (var i = 0; i < 14; i++)
        {
            strangers.Add((await service.SignInAsync(account.Email, "a wrong password", $"198.51.100.{i}")).Status);
        }

        strangers.ShouldBe([.. Enumerable.Repeat(400, 10), .. Enumerable.Repeat(429, 4)]);
        (await service.SignInAsync(account.Email, account.Password, home)).Status.ShouldBe(200);
        (await service.SignInAsync(account.Email, account.Password, "198.51.100.99")).Status.ShouldBe(429, "a guess that is right is a guess too.");

        // Nor does what is known of the owner's network let anybody guess from there.
        for (var i = 0; i < 10; i++)
        {
            (await service.SignInAsync(account.Email, "a wrong password", home)).Status.ShouldBe(400);
        }

        (await service.SignInAsync(account.Email, account.Password, home)).Status.ShouldBe(429);
    }

    [Fact]
    public async Task Of_the_owner_on_several_windows_at_once_is_no_failure()
    {
        var account = await service.RegisterAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 9).Select(_ => service.SignInAsync(account.Email, account.Password, "203.0.113.8")));
        answers.ShouldAllBe(a => a.Status == 200);

        // None of them was left among the failures of strangers.
        for (var i = 0; i < 9; i++)
        {
            (await service.SignInAsync(account.Email, "a wrong password", "198.51.100.8")).Status.ShouldBe(400);
        }
    }

    [Theory]
    [InlineData("192.0.2.1", "192.0.2.1", "192.0.2.2")]
    [InlineData("2001:db8:1:2::{0}", "2001:db8:1:2:ffff::1", "2001:db8:1:3::1")]
    public async Task Is_counted_by_network_whatever_the_account_and_not_for_whom_the_network_knows(string guesser, string neighbour, string elsewhere)
    {
        var owner = await service.RegisterAsync();
        (await service.SignInAsync(owner.Email, owner.Password, neighbour)).Status.ShouldBe(200);
        for (var i = 0; i < 100; i++)
        {
            var address = string.Format(System.Globalization.CultureInfo.InvariantCulture, guesser, i);
            (await service.SignInAsync($"nobody{i}.{Guid.NewGuid():n}@example.com", "a wrong password", address)).Status.ShouldBe(400);
        }

        var newcomer = await service.RegisterAsync();
        (await service.SignInAsync(newcomer.Email, newcomer.Password, neighbour)).Status.ShouldBe(429);
        (await service.SignInAsync(newcomer.Email, newcomer.Password, elsewhere)).Status.ShouldBe(200);
        (await service.SignInAsync(owner.Email, owner.Password, neighbour)).Status.ShouldBe(200);
    }

    [Fact]
    public async Task As_a_client_is_guessed_no_faster()
    {
        var id = $"nobody-{Guid.NewGuid():n}";
        var codes = new List<int>();
        for (var i = 0; i < 12; i++)
        {
            codes.Add((await service.TokenAsync(("grant_type", "client_credentials"), ("client_id", id), ("client_secret", $"guess {i}"))).Status);
        }

        codes.ShouldBe([.. Enumerable.Repeat(401, 10), 429, 429]);
    }

    private static JsonObject Decode(string part) => JsonNode.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(part))!.AsObject();
}

/// <summary>The hasher is all that takes long when somebody signs in: whether it works, and how hard, must not tell whether there is an account.</summary>
public sealed class Equal_timing(EqualTimingFixture service) : IClassFixture<EqualTimingFixture>
{
    [Fact]
    public async Task Does_not_tell_whether_an_account_exists()
    {
        var account = await service.RegisterAsync();
        var known = await WorkAsync(account.Email);
        (await WorkAsync($"nobody.{Guid.NewGuid():n}@example.com")).ShouldBe(known);
        (await WorkAsync("no address at all")).ShouldBe(known);
        known.ShouldHaveSingleItem().ShouldBe(EqualTimingFixture.Iterations);
    }

    /// <returns>With how many iterations each password was verified that one attempt has caused.</returns>
    private async Task<IReadOnlyList<int>> WorkAsync(string email)
    {
        service.Verified.Clear();
        (await service.SignInAsync(email, "a wrong password")).Status.ShouldBe(400);
        return [.. service.Verified];
    }
}

public sealed class EqualTimingFixture : UsersFixture
{
    public const int Iterations = 1234;

    public System.Collections.Concurrent.ConcurrentQueue<int> Verified { get; } = new();

    protected override void Configure(IDictionary<string, string> settings)
    {
        base.Configure(settings);
        settings["Users:Passwords:Iterations"] = $"{Iterations}";
        settings["Users:Operator:Email"] = "";
    }

    protected override void ConfigureServices(IServiceCollection services)
    {
        base.ConfigureServices(services);
        services.AddSingleton<IPasswordHasher<object>>(provider => new Watched(
            new PasswordHasher<object>(Options.Create(new PasswordHasherOptions
            {
                IterationCount = provider.GetRequiredService<IOptions<UsersSettings>>().Value.Passwords.Iterations,
            })),
            Verified));
    }

    private sealed class Watched(IPasswordHasher<object> hasher, System.Collections.Concurrent.ConcurrentQueue<int> verified) : IPasswordHasher<object>
    {
        public string HashPassword(object user, string password) => hasher.HashPassword(user, password);

        public PasswordVerificationResult VerifyHashedPassword(object user, string hashedPassword, string providedPassword)
        {
            // Format 1 of the hasher: a byte, the function (4 bytes), the iterations (4 bytes, big-endian).
            verified.Enqueue(System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(Convert.FromBase64String(hashedPassword).AsSpan(5)));
            return hasher.VerifyHashedPassword(user, hashedPassword, providedPassword);
        }
    }
}
