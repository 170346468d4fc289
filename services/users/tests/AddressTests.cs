using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Testing;
using Microsoft.IdentityModel.JsonWebTokens;
using Shop.Contracts.Users.V1;

namespace Users.Tests;

/// <summary>An address belongs to whoever reads what is mailed to it, and nobody takes an account over with an access token alone.</summary>
public sealed class An_address(StrictFixture service) : IClassFixture<StrictFixture>
{
    private const string New = "another good one";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Is_verified_with_the_link_that_was_mailed_to_it_once()
    {
        await using var tap = await EventTap.OpenAsync(service.Vhost.Uri, "shop.user.#");
        var account = await service.RegisterAsync();
        var registered = await tap.NextAsync("shop.user.registered.v1", account.Id.ToString());
        registered.Body.GetProperty("emailVerified").GetBoolean().ShouldBeFalse();
        using var client = await service.SignedInAsync(account);
        (await MeAsync(client)).GetProperty("emailVerified").GetBoolean().ShouldBeFalse();
        var mail = await service.LinkOfAsync(account.Id, AccountLinks.VerifyEmail);
        mail.GetProperty("email").GetString().ShouldBe(account.Email);
        var ticket = MailedLinksFixture.TicketIn(mail);

        (await CompleteAsync("email-verifications/complete", new { ticket })).ShouldBe(HttpStatusCode.NoContent);
        (await CompleteAsync("email-verifications/complete", new { ticket })).ShouldBe(HttpStatusCode.BadRequest);

        (await MeAsync(client)).GetProperty("emailVerified").GetBoolean().ShouldBeTrue();
        (await tap.NextAsync("shop.user.email-verified.v1", account.Id.ToString())).Body.GetProperty("email").GetString().ShouldBe(account.Email);
        (await AskAgainAsync(client, account)).ShouldBe(HttpStatusCode.Accepted);
        (await TicketsOfAsync(account)).ShouldBe(0, "there is nothing to verify any more");
    }

    [Fact]
    public async Task Is_asked_for_its_link_again_without_filling_a_mailbox()
    {
        var account = await service.RegisterAsync();
        using var client = await service.SignedInAsync(account);
        for (var i = 0; i < 5; i++)
        {
            (await AskAgainAsync(client, account)).ShouldBe(HttpStatusCode.Accepted);
        }

        (await TicketsOfAsync(account)).ShouldBe(3);
    }

    [Fact]
    public async Task Is_verified_too_by_whoever_sets_a_new_password_with_a_link()
    {
        var account = await service.RegisterAsync();
        using var anybody = service.Anonymous();
        await anybody.PostAsJsonAsync("/v1/password-resets", new { email = account.Email }, Token);
        var ticket = MailedLinksFixture.TicketIn(await service.LinkOfAsync(account.Id, AccountLinks.ResetPassword));
        (await CompleteAsync("password-resets/complete", new { ticket, newPassword = New })).ShouldBe(HttpStatusCode.NoContent);
        using var client = await service.SignedInAsync(account with { Password = New });
        (await MeAsync(client)).GetProperty("emailVerified").GetBoolean().ShouldBeTrue();
    }

    [Fact]
    public async Task Is_changed_when_the_new_one_was_confirmed_and_every_session_ends()
    {
        await using var tap = await EventTap.OpenAsync(service.Vhost.Uri, "shop.user.#");
        var account = await service.RegisterAsync();
        using var client = await service.SignedInAsync(account);
        var email = $"new.{account.Email}";
        using (var asked = await client.PutAsJsonAsync($"/v1/users/{account.Id}/email", new { email }, Token))
        {
            asked.StatusCode.ShouldBe(HttpStatusCode.Accepted);
            (await asked.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("email").GetString().ShouldBe(account.Email);
        }

        (await service.SignInAsync(email, account.Password)).Status.ShouldBe(400);
        var mail = await service.LinkOfAsync(account.Id, AccountLinks.ConfirmEmail);
        mail.GetProperty("email").GetString().ShouldBe(email);
        var ticket = MailedLinksFixture.TicketIn(mail);
        (await CompleteAsync("email-verifications/complete", new { ticket })).ShouldBe(HttpStatusCode.BadRequest, "a ticket is good for one thing");
        (await CompleteAsync("email-changes/confirm", new { ticket })).ShouldBe(HttpStatusCode.NoContent);

        (await client.GetAsync("/v1/users/me", Token)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        (await service.SignInAsync(account.Email, account.Password)).Status.ShouldBe(400);
        using var again = await service.SignedInAsync(account with { Email = email });
        (await MeAsync(again)).GetProperty("emailVerified").GetBoolean().ShouldBeTrue();
        var changed = await tap.NextAsync("shop.user.email-changed.v1", account.Id.ToString());
        changed.Body.GetProperty("oldEmailVerified").GetBoolean().ShouldBeFalse("nobody had shown it to be theirs");
        service.MailsTo(account.Id, AccountLinks.UndoEmailChange).ShouldBeEmpty();
        (await CompleteAsync("email-changes/confirm", new { ticket })).ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Is_not_changed_to_one_that_somebody_has_taken_meanwhile()
    {
        var account = await service.RegisterAsync();
        using var client = await service.SignedInAsync(account);
        var email = $"wanted.{account.Email}";
        await client.PutAsJsonAsync($"/v1/users/{account.Id}/email", new { email }, Token);
        var ticket = MailedLinksFixture.TicketIn(await service.LinkOfAsync(account.Id, AccountLinks.ConfirmEmail));
        await service.RegisterAsync(email: email);
        (await CompleteAsync("email-changes/confirm", new { ticket })).ShouldBe(HttpStatusCode.Conflict);
        (await service.SignInAsync(account.Email, account.Password)).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Is_given_back_with_the_account_to_whoever_had_it_before_whatever_a_thief_does()
    {
        var account = await service.RegisterAsync();
        await CompleteAsync(
            "email-verifications/complete", new { ticket = MailedLinksFixture.TicketIn(await service.LinkOfAsync(account.Id, AccountLinks.VerifyEmail)) });
        var first = await ChangeAsync(account, $"thief.{account.Email}", number: 1);
        var second = await ChangeAsync(first, $"another.{account.Email}", number: 2);
        using (var thief = await service.SignedInAsync(second))
        {
            await thief.PutAsJsonAsync($"/v1/users/{account.Id}/password", new { currentPassword = account.Password, newPassword = "known to a thief" }, Token);
        }

        var undo = await service.LinkOfAsync(account.Id, AccountLinks.UndoEmailChange);
        undo.GetProperty("email").GetString().ShouldBe(account.Email);
        var ticket = MailedLinksFixture.TicketIn(undo);
        var thiefs = MailedLinksFixture.TicketIn(await service.LinkOfAsync(account.Id, AccountLinks.UndoEmailChange, number: 2));
        (await CompleteAsync("email-changes/undo", new { ticket, newPassword = "short" })).ShouldBe(HttpStatusCode.BadRequest);
        (await CompleteAsync("email-changes/undo", new { ticket, newPassword = New })).ShouldBe(HttpStatusCode.NoContent);

        (await service.SignInAsync(account.Email, New)).Status.ShouldBe(200);
        (await service.SignInAsync(second.Email, "known to a thief")).Status.ShouldBe(400);
        (await CompleteAsync("email-changes/undo", new { ticket = thiefs, newPassword = New })).ShouldBe(
            HttpStatusCode.BadRequest, "the thief's own way back is closed");
        (await TicketsOfAsync(account)).ShouldBe(0);
    }

    [Fact]
    public async Task And_the_account_are_only_for_whoever_has_just_signed_in_or_knows_the_password()
    {
        var account = await service.RegisterAsync();
        using var stolen = service.WithToken(service.TokenFor(account.Id, DateTimeOffset.UtcNow.AddMinutes(-6)));
        var path = $"/v1/users/{account.Id}";
        var email = $"new.{account.Email}";
        using var refused = await stolen.PutAsJsonAsync($"{path}/email", new { email }, Token);
        refused.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await refused.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("type").GetString()!.ShouldEndWith("sign_in_again");
        (await stolen.PutAsJsonAsync($"{path}/email", new { email, currentPassword = "a guess of mine" }, Token)).StatusCode.ShouldBe(
            HttpStatusCode.BadRequest);
        (await stolen.DeleteAsync(path, Token)).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await stolen.PutAsJsonAsync($"{path}/email", new { email, currentPassword = account.Password }, Token)).StatusCode.ShouldBe(HttpStatusCode.Accepted);

        using var signedIn = await service.SignedInAsync(account);
        (await signedIn.DeleteAsync(path, Token)).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        (await TicketsOfAsync(account)).ShouldBe(0);
    }

    [Fact]
    public async Task Is_changed_by_nobody_for_somebody_else()
    {
        var account = await service.RegisterAsync();
        using var admin = service.Operator();
        using var refused = await admin.PutAsJsonAsync($"/v1/users/{account.Id}/email", new { email = $"mine.{account.Email}" }, Token);
        refused.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await refused.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("type").GetString()!.ShouldEndWith("not_your_account");
        service.MailsTo(account.Id, AccountLinks.ConfirmEmail).ShouldBeEmpty();
    }

    [Fact]
    public async Task Is_guessed_for_no_oftener_than_at_the_sign_in()
    {
        var account = await service.RegisterAsync();
        using var stolen = service.WithToken(service.TokenFor(account.Id, DateTimeOffset.UtcNow.AddMinutes(-6)));
        var answers = new List<HttpStatusCode>();
        for (var i = 0; i < 15; i++)
        {
            using var answer = await stolen.PutAsJsonAsync(
                $"/v1/users/{account.Id}/email", new { email = $"new.{account.Email}", currentPassword = $"guess number {i}" }, Token);
            answers.Add(answer.StatusCode);
        }

        answers.ShouldContain(HttpStatusCode.TooManyRequests);
    }

    [Fact]
    public async Task A_session_that_is_continued_does_not_become_a_sign_in()
    {
        var account = await service.RegisterAsync();
        var (_, tokens) = await service.SignInAsync(account.Email, account.Password);
        var began = AuthenticatedAt(tokens);
        began.ShouldBeInRange(DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddSeconds(1));
        await Task.Delay(TimeSpan.FromSeconds(1.1), Token);    // the claim counts seconds
        var (_, continued) = await service.TokenAsync(("grant_type", "refresh_token"), ("refresh_token", tokens.GetProperty("refresh_token").GetString()!));
        AuthenticatedAt(continued).ShouldBe(began);
    }

    [Fact]
    public async Task Is_verified_and_changed_on_the_pages_by_their_buttons_and_not_by_being_looked_at()
    {
        var account = await service.RegisterAsync();
        using var browser = service.Anonymous();
        var ticket = await OpenAsync(browser, account, AccountLinks.VerifyEmail);
        (await TicketsOfAsync(account)).ShouldBe(1);
        (await browser.SendFormAsync("/account/verify-email", "cross-site", ("ticket", ticket))).Status.ShouldBe(HttpStatusCode.BadRequest);
        (await browser.SendFormAsync("/account/verify-email", "same-origin", ("ticket", ticket))).Page.ShouldContain("Your address is confirmed");
        (await browser.SendFormAsync("/account/verify-email", "same-origin", ("ticket", ticket))).Page.ShouldContain("was used already");

        using var client = await service.SignedInAsync(account);
        await client.PutAsJsonAsync($"/v1/users/{account.Id}/email", new { email = $"new.{account.Email}" }, Token);
        ticket = await OpenAsync(browser, account, AccountLinks.ConfirmEmail);
        (await browser.SendFormAsync("/account/confirm-email", "same-origin", ("ticket", ticket))).Page.ShouldContain("Your address is changed");

        ticket = await OpenAsync(browser, account, AccountLinks.UndoEmailChange);
        (await browser.SendFormAsync(
            "/account/undo-email-change", "same-origin", ("ticket", ticket), ("password", "short"))).Page.ShouldContain("role=\"alert\"");
        (await browser.SendFormAsync("/account/undo-email-change", "same-origin", ("ticket", ticket), ("password", New))).Page.ShouldContain("yours again");
        (await service.SignInAsync(account.Email, New)).Status.ShouldBe(200);
    }

    private static DateTimeOffset AuthenticatedAt(JsonElement tokens) =>
        DateTimeOffset.FromUnixTimeSeconds(new JsonWebToken(tokens.GetProperty("access_token").GetString()).GetPayloadValue<long>("auth_time"));

    private static async Task<JsonElement> MeAsync(HttpClient client) => await client.GetFromJsonAsync<JsonElement>("/v1/users/me", Token);

    private static async Task<HttpStatusCode> AskAgainAsync(HttpClient client, Account account)
    {
        using var answer = await client.PostAsync($"/v1/users/{account.Id}/email-verification", null, Token);
        return answer.StatusCode;
    }

    private Task<long> TicketsOfAsync(Account account) =>
        service.Database.ScalarAsync<long>($"SELECT count(*) FROM account_tickets WHERE user_id = '{account.Id}'");

    private async Task<HttpStatusCode> CompleteAsync(string path, object body)
    {
        using var anybody = service.Anonymous();
        using var answer = await anybody.PostAsJsonAsync($"/v1/{path}", body, Token);
        return answer.StatusCode;
    }

    /// <summary>Changes the address, with the link that is mailed to it.</summary>
    private async Task<Account> ChangeAsync(Account account, string email, int number)
    {
        using var client = await service.SignedInAsync(account);
        await client.PutAsJsonAsync($"/v1/users/{account.Id}/email", new { email }, Token);
        var mail = await service.LinkOfAsync(account.Id, AccountLinks.ConfirmEmail, number);
        (await CompleteAsync("email-changes/confirm", new { ticket = MailedLinksFixture.TicketIn(mail) })).ShouldBe(HttpStatusCode.NoContent);
        return account with { Email = email };
    }

    /// <summary>Follows the link of a mail, twice.</summary>
    private async Task<string> OpenAsync(HttpClient browser, Account account, string purpose)
    {
        var mail = await service.LinkOfAsync(account.Id, purpose);
        var link = mail.GetProperty("link").GetString()!;
        link.ShouldStartWith($"http://localhost/account/{purpose}#ticket=");
        (await browser.GetStringAsync(link, Token)).ShouldBe(await browser.GetStringAsync(link, Token));
        return MailedLinksFixture.TicketIn(mail);
    }
}
