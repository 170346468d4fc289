using System.Net;
using System.Net.Http.Json;
using System.Text.RegularExpressions;

namespace Users.Tests;

public sealed partial class A_password_that_somebody_else_has_chosen(StrictFixture service) : IClassFixture<StrictFixture>
{
    private const string Own = "chosen by its owner";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Lets_nobody_in_and_is_good_for_choosing_another()
    {
        (await service.SignInAsync(UsersFixture.OperatorEmail, UsersFixture.OperatorPassword)).Status.ShouldBe(400);
        using var browser = service.Anonymous();
        var (status, page) = await SignInOnThePageAsync(browser, UsersFixture.OperatorPassword);
        status.ShouldBe(HttpStatusCode.OK);
        page.ShouldContain("Choose a password of your own");
        var ticket = Ticket().Match(page).Groups[1].Value;
        ticket.Length.ShouldBe(43);
        using (var set = await browser.PostAsJsonAsync("/v1/password-resets/complete", new { ticket, newPassword = Own }, Token))
        {
            set.StatusCode.ShouldBe(HttpStatusCode.NoContent);
        }

        (await service.SignInAsync(UsersFixture.OperatorEmail, Own)).Status.ShouldBe(200);
        (await service.Database.ScalarAsync<bool>(
            $"SELECT email_verified FROM users WHERE email = '{UsersFixture.OperatorEmail}'")).ShouldBeFalse("nobody has read a mail");
        (await SignInOnThePageAsync(browser, Own)).Status.ShouldBe(HttpStatusCode.Redirect);
        (await SignInOnThePageAsync(browser, UsersFixture.OperatorPassword)).Status.ShouldBe(HttpStatusCode.BadRequest);

        // Whoever knows the configuration comes by no other password, also after a restart.
        await service.RestartAsync();
        (await service.SignInAsync(UsersFixture.OperatorEmail, Own)).Status.ShouldBe(200);
        (await service.SignInAsync(UsersFixture.OperatorEmail, UsersFixture.OperatorPassword)).Status.ShouldBe(400);
    }

    private static Task<(HttpStatusCode Status, string Page)> SignInOnThePageAsync(HttpClient browser, string password) => browser.SendFormAsync(
        "/connect/authorize", "same-origin",
        ("client_id", "storefront"), ("response_type", "code"), ("redirect_uri", UsersFixture.StorefrontCallback), ("scope", "openid"),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), ("code_challenge_method", "S256"),
        ("email", UsersFixture.OperatorEmail), ("password", password));

    [GeneratedRegex(@"/account/reset-password#ticket=([\w-]+)")]
    private static partial Regex Ticket();
}
