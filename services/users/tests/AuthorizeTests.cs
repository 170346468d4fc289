using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Chassis.Testing;
using Microsoft.AspNetCore.WebUtilities;

namespace Users.Tests;

/// <summary>The sign-in page and what comes of it: code, tokens, and their end.</summary>
public sealed partial class Signing_in_on_the_page(UsersFixture service)
{
    private const string Verifier = "a-verifier-of-at-least-forty-three-characters-0123456789";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Gives_the_client_a_code_that_it_exchanges_for_tokens_once()
    {
        var account = await service.RegisterAsync();
        var code = await CodeAsync(account);
        var (status, body) = await ExchangeAsync(code);
        status.ShouldBe(200, body.GetRawText());
        body.GetProperty("id_token").GetString().ShouldNotBeNullOrEmpty();
        using var client = service.WithToken(body.GetProperty("access_token").GetString()!);
        (await client.GetFromJsonAsync<JsonElement>("/v1/users/me", Token)).GetProperty("id").GetGuid().ShouldBe(account.Id);
        var refresh = body.GetProperty("refresh_token").GetString()!;
        (status, body) = await RefreshAsync(refresh);
        status.ShouldBe(200);

        // A code that comes back was stolen, or its first use was: the session ends.
        await using var tap = await EventTap.OpenAsync(service.Vhost.Uri, "shop.user.session-ended.v1");
        (await ExchangeAsync(code)).Status.ShouldBe(400);
        (await client.GetAsync("/v1/users/me", Token)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        await tap.NextAsync("shop.user.session-ended.v1", account.Id.ToString());
        (await RefreshAsync(body.GetProperty("refresh_token").GetString()!)).Status.ShouldBe(400);
    }

    [Theory]
    [InlineData("code_verifier", "another-verifier-of-at-least-forty-three-characters-01")]
    [InlineData("code_verifier", "")]
    [InlineData("redirect_uri", "https://storefront.example/elsewhere")]
    [InlineData("client_id", "shop")]
    public async Task Gives_a_code_that_is_good_for_its_own_client_only(string parameter, string value)
    {
        var code = await CodeAsync(await service.RegisterAsync());
        (await ExchangeAsync(code, (parameter, value))).Status.ShouldBeInRange(400, 401);
    }

    [Theory]
    [InlineData("redirect_uri", "https://evil.example/", null)]
    [InlineData("redirect_uri", "https://storefront.example/signed-in/../x", null)]
    [InlineData("client_id", "nobody", null)]
    [InlineData("client_id", "partner", null)]
    [InlineData("code_challenge", "", null)]
    [InlineData("code_challenge_method", "plain", null)]
    [InlineData("response_type", "token", null)]
    [InlineData("prompt", "none", "login_required")]
    public async Task Refuses_what_the_client_may_not_ask_for(string parameter, string value, string? toldToTheClient)
    {
        using var client = service.Anonymous();
        using var answer = await client.GetAsync(Request((parameter, value)), Token);
        if (toldToTheClient is null)
        {
            answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
            answer.Headers.Location.ShouldBeNull("nobody is sent to an address that is not the client's");
        }
        else
        {
            answer.StatusCode.ShouldBe(HttpStatusCode.Redirect);
            var query = QueryHelpers.ParseQuery(answer.Headers.Location!.Query);
            query["error"].ToString().ShouldBe(toldToTheClient);
            query["state"].ToString().ShouldBe("the <state>");
        }
    }

    [Fact]
    public async Task Needs_an_address_to_return_to()
    {
        using var client = service.Anonymous();
        (await client.GetAsync(Request(("redirect_uri", ""), ("scope", "offline_access")), Token)).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Shows_a_page_that_runs_nothing_and_leads_nowhere_else()
    {
        using var client = service.Anonymous();
        using var answer = await client.GetAsync(Request(("login_hint", "\"><script>alert(1)</script>")), Token);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        answer.Content.Headers.ContentType!.MediaType.ShouldBe("text/html");
        answer.Headers.CacheControl!.NoStore.ShouldBeTrue();
        var page = await answer.Content.ReadAsStringAsync(Token);
        page.ShouldContain("The &lt;Storefront&gt;");
        page.ShouldContain("can then see and change your account and your orders in your name, until you sign out there, or for 90 days");
        page.ShouldNotContain("<script");
        page.ShouldContain("""name="state" value="the &lt;state&gt;">""");
        var policy = answer.Headers.GetValues("Content-Security-Policy").ShouldHaveSingleItem();
        policy.ShouldContain("script-src 'none'");
        policy.ShouldContain("frame-ancestors 'none'");
        policy.ShouldContain("form-action 'self' https://storefront.example");
        var style = Style().Match(page).Groups[1].Value;
        policy.ShouldContain($"style-src 'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(style)))}'");
    }

    [Fact]
    public async Task Says_that_something_was_wrong_and_not_what()
    {
        var account = await service.RegisterAsync();
        var known = await SubmitAsync(account.Email, "a wrong password");
        var unknown = await SubmitAsync($"nobody.{Guid.NewGuid():n}@example.com", "a wrong password");
        known.Status.ShouldBe(HttpStatusCode.BadRequest);
        unknown.Status.ShouldBe(HttpStatusCode.BadRequest);
        known.Page.ShouldContain("The e-mail address or the password is not right.");
        unknown.Page.ShouldContain("The e-mail address or the password is not right.");
        known.Page.ShouldNotContain("a wrong password");
    }

    [Fact]
    public async Task Is_slowed_down_with_the_page()
    {
        var account = await service.RegisterAsync();
        for (var i = 0; i < 10; i++)
        {
            await SubmitAsync(account.Email, "a wrong password");
        }

        var (status, page, _) = await SubmitAsync(account.Email, account.Password);
        status.ShouldBe(HttpStatusCode.TooManyRequests);
        page.ShouldContain("seconds.");
        page.ShouldContain("<form");
    }

    [Fact]
    public async Task Is_not_done_by_a_page_of_somebody_else()
    {
        var account = await service.RegisterAsync();
        (await SubmitAsync(account.Email, account.Password, "cross-site")).Status.ShouldBe(HttpStatusCode.OK, "the page is shown, and asks");
        (await SubmitAsync(account.Email, account.Password, "same-site")).Status.ShouldBe(HttpStatusCode.OK);
        (await SubmitAsync(account.Email, account.Password, "same-origin")).Status.ShouldBe(HttpStatusCode.Redirect);
    }

    [Fact]
    public async Task Can_be_seen_and_ended_by_its_owner_and_nobody_else()
    {
        var account = await service.RegisterAsync();
        var (_, here) = await ExchangeAsync(await CodeAsync(account));
        var (_, there) = await ExchangeAsync(await CodeAsync(account));
        using var client = service.WithToken(here.GetProperty("access_token").GetString()!);
        using var stranger = await service.SignedInAsync(await service.RegisterAsync());
        var sessions = (await client.GetFromJsonAsync<JsonElement>($"/v1/users/{account.Id}/sessions", Token)).EnumerateArray().ToList();
        sessions.ConvertAll(s => s.GetProperty("client").GetString()).ShouldBe(["storefront", "storefront"]);
        (await stranger.GetAsync($"/v1/users/{account.Id}/sessions", Token)).StatusCode.ShouldBe(HttpStatusCode.NotFound);

        var latest = sessions[0].GetProperty("id").GetGuid();
        (await stranger.DeleteAsync($"/v1/users/{account.Id}/sessions/{latest}", Token)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        using var found = service.WithToken(service.TokenFor(account.Id, DateTimeOffset.UtcNow.AddHours(-1)));
        (await found.DeleteAsync($"/v1/users/{account.Id}/sessions/{latest}", Token)).StatusCode.ShouldBe(
            HttpStatusCode.Forbidden, "whoever has found a token of an hour ago");
        using var ended = service.WithToken(there.GetProperty("access_token").GetString()!);
        (await ended.GetAsync("/v1/users/me", Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
        await using var tap = await EventTap.OpenAsync(service.Vhost.Uri, "shop.user.session-ended.v1");
        (await client.DeleteAsync($"/v1/users/{account.Id}/sessions/{latest}", Token)).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        (await ended.GetAsync("/v1/users/me", Token)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        (await client.GetAsync("/v1/users/me", Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await tap.NextAsync("shop.user.session-ended.v1", account.Id.ToString())).Body.GetProperty("sessionId").GetGuid().ShouldBe(latest);
        (await client.DeleteAsync($"/v1/users/{account.Id}/sessions/{latest}", Token)).StatusCode.ShouldBe(HttpStatusCode.NotFound);

        (await RefreshAsync(there.GetProperty("refresh_token").GetString()!)).Status.ShouldBe(400);
        (await RefreshAsync(here.GetProperty("refresh_token").GetString()!)).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Ends_with_signing_out()
    {
        var account = await service.RegisterAsync();
        var (_, tokens) = await ExchangeAsync(await CodeAsync(account));
        using var client = service.Anonymous();
        using var answer = await client.GetAsync(
            QueryHelpers.AddQueryString("/connect/logout", new Dictionary<string, string?>
            {
                ["id_token_hint"] = tokens.GetProperty("id_token").GetString(), ["post_logout_redirect_uri"] = UsersFixture.StorefrontCallback, ["state"] = "s",
            }),
            Token);
        answer.StatusCode.ShouldBe(HttpStatusCode.Redirect);
        answer.Headers.Location!.ToString().ShouldBe($"{UsersFixture.StorefrontCallback}?state=s");
        (await RefreshAsync(tokens.GetProperty("refresh_token").GetString()!)).Status.ShouldBe(400);
        using var signedOut = service.WithToken(tokens.GetProperty("access_token").GetString()!);
        (await signedOut.GetAsync("/v1/users/me", Token)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);

        using var elsewhere = await client.GetAsync("/connect/logout?post_logout_redirect_uri=https%3A%2F%2Fevil.example%2F", Token);
        elsewhere.Headers.Location.ShouldBeNull();
    }

    [Fact]
    public async Task Gives_a_token_that_its_client_can_revoke()
    {
        var (_, tokens) = await ExchangeAsync(await CodeAsync(await service.RegisterAsync()));
        var refresh = tokens.GetProperty("refresh_token").GetString()!;
        await PostAsync("/connect/revoke", ("token", refresh), ("client_id", "shop"));
        var (status, refreshed) = await RefreshAsync(refresh);
        status.ShouldBe(200, "another client revokes nothing");
        refresh = refreshed.GetProperty("refresh_token").GetString()!;
        (await RevokeAsync(refresh)).ShouldBe(200);
        (await RefreshAsync(refresh)).Status.ShouldBe(400);
        using var revoked = service.WithToken(refreshed.GetProperty("access_token").GetString()!);
        (await revoked.GetAsync("/v1/users/me", Token)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        (await RevokeAsync("unknown")).ShouldBe(200, "RFC 7009, §2.2");

        async Task<int> RevokeAsync(string token) => (await PostAsync("/connect/revoke", ("token", token), ("client_id", "storefront"))).Status;
    }

    [Fact]
    public async Task Is_told_to_a_client_with_a_secret_by_introspection_until_the_session_ends()
    {
        var (_, issued) = await service.TokenAsync(
            ("grant_type", "client_credentials"), ("client_id", "backoffice"), ("client_secret", "another-secret-of-the-tests"));
        var token = issued.GetProperty("access_token").GetString()!;
        (string, string)[] asked = [("token", token), ("client_id", "backoffice"), ("client_secret", "another-secret-of-the-tests")];
        var (status, body) = await PostAsync("/connect/introspect", asked);
        status.ShouldBe(200, body?.GetRawText());
        body!.Value.GetProperty("active").GetBoolean().ShouldBeTrue();

        (await PostAsync("/connect/introspect", ("token", token), ("client_id", "storefront"))).Status.ShouldBeInRange(
            400, 401, "nobody asks without a secret");
        asked[0] = ("token", token[..^4] + "AAAA");
        (await PostAsync("/connect/introspect", asked)).Body!.Value.GetProperty("active").GetBoolean().ShouldBeFalse();
    }

    private static string Request(params (string Name, string Value)[] changes)
    {
        var parameters = new Dictionary<string, string?>
        {
            ["response_type"] = "code", ["client_id"] = "storefront", ["redirect_uri"] = UsersFixture.StorefrontCallback, ["scope"] = "openid offline_access", ["state"] = "the <state>",
            ["code_challenge"] = WebEncoders.Base64UrlEncode(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier))), ["code_challenge_method"] = "S256",
        };
        foreach (var (name, value) in changes)
        {
            parameters[name] = value;
        }

        return QueryHelpers.AddQueryString("/connect/authorize", parameters.Where(p => p.Value!.Length > 0).ToDictionary());
    }

    private async Task<string> CodeAsync(Account account)
    {
        var (status, page, location) = await SubmitAsync(account.Email, account.Password, "same-origin");
        status.ShouldBe(HttpStatusCode.Redirect, page);
        location!.GetLeftPart(UriPartial.Path).ShouldBe(UsersFixture.StorefrontCallback);
        var query = QueryHelpers.ParseQuery(location.Query);
        query["state"].ToString().ShouldBe("the <state>");
        return query["code"].ToString();
    }

    /// <summary>As a browser does it: opens the page, fills in its form, sends it.</summary>
    private async Task<(HttpStatusCode Status, string Page, Uri? Location)> SubmitAsync(string email, string password, string? site = null)
    {
        using var client = service.Anonymous();
        var page = await client.GetStringAsync(Request(), Token);
        var form = Hidden().Matches(page).ToDictionary(m => WebUtility.HtmlDecode(m.Groups[1].Value), m => WebUtility.HtmlDecode(m.Groups[2].Value));
        form["email"] = email;
        form["password"] = password;
        using var request = new HttpRequestMessage(HttpMethod.Post, "/connect/authorize") { Content = new FormUrlEncodedContent(form) };
        if (site is not null)
        {
            request.Headers.Add("Sec-Fetch-Site", site);
        }

        using var answer = await client.SendAsync(request, Token);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync(Token), answer.Headers.Location);
    }

    private Task<(int Status, JsonElement Body)> ExchangeAsync(string code, params (string Name, string Value)[] changes)
    {
        var form = new Dictionary<string, string>
        {
            ["grant_type"] = "authorization_code", ["client_id"] = "storefront", ["code"] = code, ["redirect_uri"] = UsersFixture.StorefrontCallback, ["code_verifier"] = Verifier,
        };
        foreach (var (name, value) in changes)
        {
            form[name] = value;
        }

        return service.TokenAsync([.. form.Where(p => p.Value.Length > 0).Select(p => (p.Key, p.Value))]);
    }

    private Task<(int Status, JsonElement Body)> RefreshAsync(string token) =>
        service.TokenAsync(("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", "storefront"));

    private async Task<(int Status, JsonElement? Body)> PostAsync(string path, params (string Name, string Value)[] form)
    {
        using var client = service.Anonymous();
        using var content = new FormUrlEncodedContent(form.Select(p => KeyValuePair.Create(p.Name, p.Value)));
        using var answer = await client.PostAsync(path, content, Token);
        var text = await answer.Content.ReadAsStringAsync(Token);
        return ((int)answer.StatusCode, text.StartsWith('{') ? JsonDocument.Parse(text).RootElement : null);
    }

    [GeneratedRegex("<input type=\"hidden\" name=\"([^\"]*)\" value=\"([^\"]*)\">")]
    private static partial Regex Hidden();

    [GeneratedRegex("<style>(.*?)</style>", RegexOptions.Singleline)]
    private static partial Regex Style();
}

/// <summary>As it is outside of development.</summary>
public sealed class Without_the_password_grant(WithoutPasswordGrantFixture service) : IClassFixture<WithoutPasswordGrantFixture>
{
    [Fact]
    public async Task A_password_is_exchanged_for_nothing()
    {
        var account = await service.RegisterAsync();
        var (status, body) = await service.SignInAsync(account.Email, account.Password);
        status.ShouldBe(400);
        body.GetProperty("error").GetString().ShouldBe("unsupported_grant_type");
    }
}

public sealed class WithoutPasswordGrantFixture : UsersFixture
{
    protected override void Configure(IDictionary<string, string> settings)
    {
        base.Configure(settings);
        settings["Users:PasswordGrant"] = "false";
    }
}
