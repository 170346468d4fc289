using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using OtpNet;

namespace Users.Tests;

/// <summary>The users service where operators need a second factor.</summary>
public sealed class SecondFactorFixture : UsersFixture
{
    protected override void Configure(IDictionary<string, string> settings)
    {
        base.Configure(settings);
        settings["Users:SecondFactor:Required"] = "true";
        settings["Users:SecondFactor:Issuer"] = "Teahouse";
    }
}

public sealed partial class A_second_factor(SecondFactorFixture service) : IClassFixture<SecondFactorFixture>
{
    private const string Wrong = "000000";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Is_asked_for_beside_the_password_once_it_is_set_up()
    {
        var account = await service.RegisterAsync();
        using var before = await service.SignedInAsync(account);
        var (secret, recovery) = await SetUpAsync(account, before);

        (await before.GetAsync("/v1/users/me", Token)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized, "whoever was signed in had shown a password only");
        var (status, body) = await service.SignInAsync(account.Email, account.Password);
        status.ShouldBe(400);
        body.GetProperty("error_description").GetString().ShouldBe("A one-time code is needed as well: otp.");
        (await WithCodeAsync(account, Wrong)).ShouldBe(400);
        (await WithCodeAsync(account, "no such recovery code")).ShouldBe(400);

        var code = CodeOf(secret, stepsAhead: 1);
        (await WithCodeAsync(account, code)).ShouldBe(200);
        (await WithCodeAsync(account, code)).ShouldBe(400, "a code that somebody has looked at is good for nothing");
        (await WithCodeAsync(account, recovery[0])).ShouldBe(200);
        (await WithCodeAsync(account, recovery[0])).ShouldBe(400);
        (await WithCodeAsync(account, recovery[1].ToLowerInvariant().Replace("-", " ", StringComparison.Ordinal))).ShouldBe(200);
    }

    [Fact]
    public async Task Is_set_up_on_the_sign_in_page_by_operators_who_have_none()
    {
        var account = await service.RegisterAsync();
        using var chief = service.Operator();
        (await chief.PutAsJsonAsync($"/v1/users/{account.Id}/role", new { role = "auditor", reason = "a test" }, Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await service.SignInAsync(account.Email, account.Password)).Body.GetProperty("error_description")
            .GetString()
            .ShouldBe("Operators need a second factor. Set it up on the sign-in page.");
        using var browser = service.Anonymous();

        var (status, page) = await SubmitAsync(browser, ("email", account.Email), ("password", account.Password));
        status.ShouldBe(HttpStatusCode.OK);
        page.ShouldContain("Set up one-time codes");
        page.ShouldContain("<svg");
        page.ShouldNotContain(account.Password);
        var (ticket, setup, secret) = (Field(
            page, "second_step"), Field(page, "setup"), Secret().Match(page).Groups[1].Value.Replace(" ", "", StringComparison.Ordinal));

        (status, page) = await SubmitAsync(browser, ("second_step", ticket), ("setup", setup), ("one_time_code", Wrong));
        status.ShouldBe(HttpStatusCode.BadRequest);
        page.Replace(" ", "", StringComparison.Ordinal).ShouldContain(secret, Case.Sensitive, "it is in the app by now");

        page = await UntilAcceptedAsync(secret, code => SubmitAsync(browser, ("second_step", ticket), ("setup", setup), ("one_time_code", code)));
        page.ShouldContain("Keep these codes");
        var recovery = Recovery().Matches(page).Select(m => m.Groups[1].Value).ToList();
        recovery.Count.ShouldBe(10);

        (status, page) = await SubmitAsync(browser);
        page.ShouldContain("<label for=\"email\">", Case.Sensitive, "the button after the codes leads to the sign-in page");
        (status, page) = await SubmitAsync(browser, ("email", account.Email), ("password", account.Password));
        page.ShouldContain("Your one-time code");
        page.ShouldNotContain(account.Password);
        ticket = Field(page, "second_step");
        (status, page) = await SubmitAsync(browser, ("second_step", ticket), ("one_time_code", Wrong));
        status.ShouldBe(HttpStatusCode.BadRequest);
        page.ShouldContain("The code is not right");
        (await SubmitAsync(browser, ("second_step", ticket), ("one_time_code", recovery[3]))).Status.ShouldBe(HttpStatusCode.Redirect);
        (await SubmitAsync(browser, ("second_step", ticket), ("one_time_code", recovery[4]))).Status.ShouldBe(
            HttpStatusCode.BadRequest, "the password was shown once");
        (await SubmitAsync(browser, ("second_step", "none"), ("one_time_code", recovery[4]))).Status.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Cannot_be_guessed_by_who_knows_the_password()
    {
        var account = await service.RegisterAsync();
        using var signedIn = await service.SignedInAsync(account);
        await SetUpAsync(account, signedIn);
        using var browser = service.Anonymous();
        var statuses = new List<HttpStatusCode>();
        for (var i = 0; i < 12; i++)
        {
            var (status, page) = await SubmitAsync(browser, ("email", account.Email), ("password", account.Password));
            statuses.Add(status);
            if (status == HttpStatusCode.OK)
            {
                statuses.Add((await SubmitAsync(browser, ("second_step", Field(page, "second_step")), ("one_time_code", Wrong))).Status);
            }
        }

        statuses.Count(s => s == HttpStatusCode.BadRequest).ShouldBeLessThanOrEqualTo(10);
        statuses[^1].ShouldBe(HttpStatusCode.TooManyRequests);
    }

    [Fact]
    public async Task Is_removed_by_its_owner_with_a_code_and_by_somebody_else_for_who_has_lost_it()
    {
        var account = await service.RegisterAsync();
        using var first = await service.SignedInAsync(account);
        var (_, recovery) = await SetUpAsync(account, first);
        using var second = service.WithToken(await TokenAsync(account, recovery[0]));
        (await second.PostAsJsonAsync($"/v1/users/{account.Id}/second-factor/remove", new { code = Wrong }, Token)).StatusCode.ShouldBe(
            HttpStatusCode.BadRequest);
        (await second.GetFromJsonAsync<JsonElement>($"/v1/users/{account.Id}/second-factor", Token)).GetProperty("recoveryCodesLeft").GetInt32().ShouldBe(9);
        (await second.PostAsJsonAsync($"/v1/users/{account.Id}/second-factor/remove", new { code = recovery[1] }, Token)).StatusCode.ShouldBe(
            HttpStatusCode.NoContent);

        using var third = await service.SignedInAsync(account);
        (_, recovery) = await SetUpAsync(account, third);
        using var self = service.WithToken(service.TokenFor(account.Id, "operator", permissions: null));
        using var chief = service.Operator();
        using var fourth = service.WithToken(await TokenAsync(account, recovery[0]));
        (await fourth.DeleteAsync($"/v1/users/{account.Id}/second-factor", Token)).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await chief.DeleteAsync($"/v1/users/{account.Id}/second-factor", Token)).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        (await chief.DeleteAsync($"/v1/users/{account.Id}/second-factor", Token)).StatusCode.ShouldBe(HttpStatusCode.Conflict);
        (await service.SignInAsync(account.Email, account.Password)).Status.ShouldBe(200);

        var events = (await chief.GetFromJsonAsync<JsonElement>($"/v1/users/{account.Id}/events", Token))
            .GetProperty("items")
            .EnumerateArray()
            .Select(e => e.GetProperty("eventType").GetString());
        events.ShouldBe(["user-registered", "second-factor-added", "second-factor-removed", "second-factor-added", "second-factor-removed"]);
    }

    [Fact]
    public async Task Is_set_up_for_the_account_that_it_was_begun_for_and_once()
    {
        var (one, other) = (await service.RegisterAsync(), await service.RegisterAsync());
        using var client = await service.SignedInAsync(one);
        using var stranger = await service.SignedInAsync(other);
        var (setup, secret) = await BeginAsync(one, client);

        using var elsewhere = await stranger.PostAsJsonAsync($"/v1/users/{other.Id}/second-factor/confirm", new { setup, code = CodeOf(secret) }, Token);
        elsewhere.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await elsewhere.Content.ReadAsStringAsync(Token)).ShouldContain("setup_expired");
        (await client.PostAsJsonAsync(
            $"/v1/users/{one.Id}/second-factor/confirm", new { setup = "AAAA" + setup[4..], code = CodeOf(secret) }, Token)).StatusCode.ShouldBe(
            HttpStatusCode.BadRequest);
        (await client.PostAsJsonAsync($"/v1/users/{one.Id}/second-factor/confirm", new { setup, code = Wrong }, Token)).StatusCode.ShouldBe(
            HttpStatusCode.BadRequest);
        (await client.GetFromJsonAsync<JsonElement>($"/v1/users/{one.Id}/second-factor", Token)).GetProperty("isOn").GetBoolean().ShouldBeFalse();

        var (_, recovery) = await SetUpAsync(one, client);
        using var after = service.WithToken(await TokenAsync(one, recovery[0]));
        (setup, secret) = await BeginAsync(one, after);
        (await after.PostAsJsonAsync($"/v1/users/{one.Id}/second-factor/confirm", new { setup, code = CodeOf(secret) }, Token)).StatusCode.ShouldBe(
            HttpStatusCode.Conflict);

        using var renewed = await after.PostAsJsonAsync($"/v1/users/{one.Id}/second-factor/recovery-codes", new { code = recovery[1] }, Token);
        var codes = (await renewed.Content.ReadFromJsonAsync<JsonElement>(Token))
            .GetProperty("recoveryCodes")
            .EnumerateArray()
            .Select(c => c.GetString()!)
            .ToList();
        (await WithCodeAsync(one, recovery[2])).ShouldBe(400);
        (await WithCodeAsync(one, codes[0])).ShouldBe(200);
    }

    [Fact]
    public async Task Goes_with_the_person()
    {
        var account = await service.RegisterAsync();
        using var signedIn = await service.SignedInAsync(account);
        await SetUpAsync(account, signedIn);
        using var chief = service.Operator();
        (await chief.DeleteAsync($"/v1/users/{account.Id}", Token)).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        (await service.Database.ScalarAsync<long>(
            $"SELECT (SELECT count(*) FROM second_factors WHERE user_id = '{account.Id}') + (SELECT count(*) FROM recovery_codes WHERE user_id = '{account.Id}')")).ShouldBe(0);
    }

    private async Task<(string Secret, List<string> Recovery)> SetUpAsync(Account account, HttpClient signedIn)
    {
        var (setup, secret) = await BeginAsync(account, signedIn);
        var answer = await UntilAcceptedAsync(secret, async code =>
        {
            using var confirmed = await signedIn.PostAsJsonAsync($"/v1/users/{account.Id}/second-factor/confirm", new { setup, code }, Token);
            return (confirmed.StatusCode, await confirmed.Content.ReadAsStringAsync(Token));
        });
        using var json = JsonDocument.Parse(answer);
        return (secret, [.. json.RootElement.GetProperty("recoveryCodes").EnumerateArray().Select(c => c.GetString()!)]);
    }

    private static async Task<(string Setup, string Secret)> BeginAsync(Account account, HttpClient signedIn)
    {
        using var begun = await signedIn.PostAsJsonAsync($"/v1/users/{account.Id}/second-factor", new { }, Token);
        var body = await begun.Content.ReadFromJsonAsync<JsonElement>(Token);
        begun.StatusCode.ShouldBe(HttpStatusCode.OK, body.GetRawText());
        body.GetProperty("uri").GetString().ShouldStartWith("otpauth://totp/Teahouse:");
        return (body.GetProperty("setup").GetString()!, body.GetProperty("secret").GetString()!);
    }

    // The machine may be so slow that the time of a code is over before it arrives.
    private static async Task<string> UntilAcceptedAsync(string secret, Func<string, Task<(HttpStatusCode Status, string Text)>> send)
    {
        for (var attempt = 0; ; attempt++)
        {
            var (status, text) = await send(CodeOf(secret));
            if (status == HttpStatusCode.OK)
            {
                return text;
            }

            attempt.ShouldBeLessThan(5, text);
        }
    }

    private static string CodeOf(string secret, int stepsAhead = 0) =>
        new Totp(Base32Encoding.ToBytes(secret)).ComputeTotp(DateTime.UtcNow.AddSeconds(30 * stepsAhead));

    private async Task<int> WithCodeAsync(Account account, string code) =>
        (await service.TokenAsync(("grant_type", "password"), ("username", account.Email), ("password", account.Password), ("otp", code))).Status;

    private async Task<string> TokenAsync(Account account, string code)
    {
        var (status, body) = await service.TokenAsync(("grant_type", "password"), ("username", account.Email), ("password", account.Password), ("otp", code));
        status.ShouldBe(200, body.GetRawText());
        return body.GetProperty("access_token").GetString()!;
    }

    private static Task<(HttpStatusCode Status, string Page)> SubmitAsync(
        HttpClient browser, params (string Name, string Value)[] form) => browser.SendFormAsync(
        "/connect/authorize",
        "same-origin",
        [
            ("client_id", "storefront"), ("response_type", "code"), ("redirect_uri", UsersFixture.StorefrontCallback), ("scope", "openid"),
            ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), ("code_challenge_method", "S256"), .. form,
        ]);

    private static string Field(string page, string name) => Regex.Match(page, $"name=\"{name}\" value=\"([^\"]+)\"").Groups[1].Value;

    [GeneratedRegex("<p><code>([A-Z2-7 ]+)</code></p>")]
    private static partial Regex Secret();

    [GeneratedRegex("<li><code>([A-Z2-7-]+)</code></li>")]
    private static partial Regex Recovery();
}
