using System.Globalization;
using System.Net;
using System.Security.Claims;
using Chassis.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using ShopConsole.SignIn;

namespace ShopConsole.Tests;

/// <summary>A person stays signed in as long as the issuer says so, and no longer.</summary>
public sealed class When_a_token_ends : IDisposable
{
    private static readonly DateTimeOffset Noon = DateTimeOffset.Parse("2026-03-14T12:00:00Z", CultureInfo.InvariantCulture);

    private readonly StubServices _issuer = new();
    private readonly FakeTimeProvider _clock = new(Noon);

    public void Dispose() => _issuer.Dispose();

    [Fact]
    public async Task It_is_renewed_shortly_before()
    {
        Answers("""{ "access_token": "second", "refresh_token": "next of second", "expires_in": 900 }""");
        var cookie = await CheckAsync(endsIn: 20);
        cookie.Principal.ShouldNotBeNull();
        cookie.ShouldRenew.ShouldBeTrue();
        Tokens(cookie).ShouldBe(("second", "next of second", Noon.AddSeconds(900)));
        var (request, body) = _issuer.Asked.Single();
        request.RequestUri!.ToString().ShouldBe("https://issuer.test/connect/token");
        body.ShouldBe("grant_type=refresh_token&refresh_token=next+of+first&client_id=console");
    }

    [Fact]
    public async Task It_is_left_alone_long_before()
    {
        var cookie = await CheckAsync(endsIn: 31);
        cookie.Principal.ShouldNotBeNull();
        cookie.ShouldRenew.ShouldBeFalse();
        _issuer.Asked.ShouldBeEmpty();

        _clock.Advance(TimeSpan.FromSeconds(1));
        Answers("""{ "access_token": "second", "expires_in": 900 }""");
        Tokens(await CheckAsync(endsIn: 30)).ShouldBe(("second", "next of first", Noon.AddSeconds(901)), "an issuer that gives no other means the same.");
    }

    [Theory]
    [InlineData(HttpStatusCode.BadRequest)]
    [InlineData(HttpStatusCode.Unauthorized)]
    public async Task Its_bearer_is_signed_out_where_the_issuer_refuses(HttpStatusCode status)
    {
        Answers("""{ "error": "invalid_grant" }""", status);
        var cookie = await CheckAsync(endsIn: -60);
        cookie.Principal.ShouldBeNull();
        cookie.HttpContext.Response.Headers.SetCookie.ToString().ShouldContain("console=;", Case.Sensitive, "the cookie is taken away.");
    }

    [Theory]
    [InlineData(HttpStatusCode.ServiceUnavailable, "")]
    [InlineData(HttpStatusCode.InternalServerError, "")]
    [InlineData(HttpStatusCode.OK, "null")]
    [InlineData(HttpStatusCode.OK, "<html>a proxy</html>")]
    public async Task Its_bearer_stays_while_the_issuer_is_away(HttpStatusCode status, string body)
    {
        Answers(body, status);
        var cookie = await CheckAsync(endsIn: 10);
        cookie.Principal.ShouldNotBeNull();
        cookie.ShouldRenew.ShouldBeFalse();
        Tokens(cookie).ShouldBe(("first", "next of first", Noon.AddSeconds(10)));
    }

    [Fact]
    public async Task Its_bearer_stays_when_the_issuer_does_not_answer_in_time()
    {
        using var slow = new StubServices(TimeSpan.FromMilliseconds(200)).With("issuer", "/connect/token", async (_, ct) =>
        {
            await Task.Delay(Timeout.Infinite, ct);
            return new HttpResponseMessage();
        });
        (await CheckAsync(slow, "next of first", Noon.AddSeconds(10).ToString("O", CultureInfo.InvariantCulture))).Principal.ShouldNotBeNull();
    }

    [Theory]
    [InlineData(null, "2026-03-14T13:00:00Z")]
    [InlineData("next", "some day")]
    public async Task A_cookie_that_does_not_say_when_or_how_is_none(string? refresh, string end) =>
        (await CheckAsync(_issuer, refresh, end)).Principal.ShouldBeNull();

    private void Answers(string body, HttpStatusCode status = HttpStatusCode.OK) => _issuer.With("issuer", "/connect/token", body, status);

    private Task<CookieValidatePrincipalContext> CheckAsync(int endsIn) =>
        CheckAsync(_issuer, "next of first", Noon.AddSeconds(endsIn).ToString("O", CultureInfo.InvariantCulture));

    private async Task<CookieValidatePrincipalContext> CheckAsync(StubServices issuer, string? refresh, string end)
    {
        var properties = new AuthenticationProperties();
        (string Name, string? Value)[] tokens = [(ConsoleSignIn.AccessToken, "first"), (ConsoleSignIn.RefreshToken, refresh), (ConsoleSignIn.ExpiresAt, end)];
        properties.StoreTokens(tokens.Where(t => t.Value is not null).Select(t => new AuthenticationToken { Name = t.Name, Value = t.Value! }));
        var services = new ServiceCollection().AddLogging();
        services.AddAuthentication().AddCookie(o => o.Cookie.Name = "console");
        var scheme = new AuthenticationScheme(CookieAuthenticationDefaults.AuthenticationScheme, null, typeof(CookieAuthenticationHandler));
        var context = new CookieValidatePrincipalContext(
            new DefaultHttpContext { RequestServices = services.BuildServiceProvider() },
            scheme,
            new CookieAuthenticationOptions(),
            new AuthenticationTicket(new ClaimsPrincipal(new ClaimsIdentity("test")), properties, scheme.Name));
        var refreshing = new TokenRefresh(
            issuer,
            Options.Create(new AuthenticationSettings { Authority = "https://issuer.test" }),
            Options.Create(issuer.Settings),
            _clock,
            NullLogger<TokenRefresh>.Instance);
        await refreshing.CheckAsync(context);
        return context;
    }

    private static (string?, string?, DateTimeOffset) Tokens(CookieValidatePrincipalContext cookie) =>
        (cookie.Properties.GetTokenValue(ConsoleSignIn.AccessToken),
            cookie.Properties.GetTokenValue(ConsoleSignIn.RefreshToken),
            DateTimeOffset.Parse(cookie.Properties.GetTokenValue(ConsoleSignIn.ExpiresAt)!, CultureInfo.InvariantCulture));
}
