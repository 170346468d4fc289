using System.Net;
using System.Net.Http.Json;
using System.Web;
using Chassis.Testing;
using Shop.Contracts.Users.V1;

namespace Users.Tests;

/// <summary>Another password by a link in a mail.</summary>
public sealed class A_forgotten_password(MailedLinksFixture service) : IClassFixture<MailedLinksFixture>
{
    private const string New = "another good one";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Is_replaced_with_the_link_once_and_every_session_ends()
    {
        var account = await service.RegisterAsync();
        var (_, tokens) = await service.SignInAsync(account.Email, account.Password);
        using var session = service.WithToken(tokens.GetProperty("access_token").GetString()!);
        using var anybody = service.Anonymous();
        (await AskAsync(anybody, account.Email.ToUpperInvariant())).ShouldBe(HttpStatusCode.Accepted);
        var mail = await service.LinkOfAsync(account.Id, AccountLinks.ResetPassword);
        mail.GetProperty("email").GetString().ShouldBe(account.Email);
        var ticket = MailedLinksFixture.TicketIn(mail);

        (await CompleteAsync(anybody, ticket, "short")).ShouldBe(HttpStatusCode.BadRequest, "a password that is refused costs no ticket");
        (await CompleteAsync(anybody, ticket, New)).ShouldBe(HttpStatusCode.NoContent);

        (await service.SignInAsync(account.Email, New)).Status.ShouldBe(200);
        (await service.SignInAsync(account.Email, account.Password)).Status.ShouldBe(400);
        (await session.GetAsync("/v1/users/me", Token)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        (await service.TokenAsync(("grant_type", "refresh_token"), ("refresh_token", tokens.GetProperty("refresh_token").GetString()!))).Status.ShouldBe(400);
        (await CompleteAsync(anybody, ticket, "yet another one")).ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Is_replaced_once_however_many_use_the_link_at_once()
    {
        var account = await service.RegisterAsync();
        using var anybody = service.Anonymous();
        await AskAsync(anybody, account.Email);
        var ticket = MailedLinksFixture.TicketIn(await service.LinkOfAsync(account.Id, AccountLinks.ResetPassword));
        var answers = await Task.WhenAll(Enumerable.Range(0, 5).Select(i => CompleteAsync(anybody, ticket, $"another good one {i}")));
        answers.Count(a => a == HttpStatusCode.NoContent).ShouldBe(1);
    }

    [Fact]
    public async Task Is_asked_for_without_learning_who_has_an_account()
    {
        using var anybody = service.Anonymous();
        var account = await service.RegisterAsync();
        var closed = await service.RegisterAsync();
        using var admin = service.Operator();
        await admin.PostAsJsonAsync($"/v1/users/{closed.Id}/deactivate", new { reason = "test" }, Token);
        foreach (var email in (string[])[account.Email, closed.Email, $"nobody.{Guid.NewGuid():n}@example.com"])
        {
            using var answer = await anybody.PostAsJsonAsync("/v1/password-resets", new { email }, Token);
            answer.StatusCode.ShouldBe(HttpStatusCode.Accepted);
            (await answer.Content.ReadAsStringAsync(Token)).ShouldBeEmpty();
        }

        await service.LinkOfAsync(account.Id, AccountLinks.ResetPassword);
        (await service.Database.ScalarAsync<long>($"SELECT count(*) FROM account_tickets WHERE user_id = '{closed.Id}'")).ShouldBe(0);
        (await AskAsync(anybody, "no address")).ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Fills_no_mailbox()
    {
        var account = await service.RegisterAsync();
        using var anybody = service.Anonymous();
        for (var i = 0; i < 8; i++)
        {
            (await AskAsync(anybody, account.Email)).ShouldBe(HttpStatusCode.Accepted);
        }

        (await service.Database.ScalarAsync<long>($"SELECT count(*) FROM account_tickets WHERE user_id = '{account.Id}'")).ShouldBe(3);
    }

    [Theory]
    [InlineData("half an hour")]
    [InlineData("another password")]
    [InlineData("another address")]
    [InlineData("deactivation")]
    [InlineData("erasure")]
    public async Task Is_not_replaced_after(string what)
    {
        var account = await service.RegisterAsync();
        using var client = await service.SignedInAsync(account);
        using var anybody = service.Anonymous();
        using var admin = service.Operator();
        await AskAsync(anybody, account.Email);
        var ticket = MailedLinksFixture.TicketIn(await service.LinkOfAsync(account.Id, AccountLinks.ResetPassword));
        switch (what)
        {
            case "half an hour":
                await service.Database.ExecuteAsync($"UPDATE account_tickets SET expires_at = now() WHERE user_id = '{account.Id}'");
                break;
            case "another password":
                await client.PutAsJsonAsync(
                    $"/v1/users/{account.Id}/password", new { currentPassword = account.Password, newPassword = "changed by hand" }, Token);
                break;
            case "another address":
                await client.PutAsJsonAsync($"/v1/users/{account.Id}/email", new { email = "new." + account.Email }, Token);
                break;
            case "deactivation":
                await admin.PostAsJsonAsync($"/v1/users/{account.Id}/deactivate", new { reason = "test" }, Token);
                break;
            default:
                await client.DeleteAsync($"/v1/users/{account.Id}", Token);
                break;
        }

        (await CompleteAsync(anybody, ticket, New)).ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Is_no_business_of_an_operators_who_sends_the_link()
    {
        var account = await service.RegisterAsync();
        using var admin = service.Operator();
        using var set = await admin.PutAsJsonAsync($"/v1/users/{account.Id}/password", new { newPassword = New }, Token);
        set.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await service.SignInAsync(account.Email, account.Password)).Status.ShouldBe(200);

        using var sent = await admin.PostAsync($"/v1/users/{account.Id}/password-reset", null, Token);
        sent.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        (await sent.Content.ReadAsStringAsync(Token)).ShouldBeEmpty("the link is for the owner");
        await service.LinkOfAsync(account.Id, AccountLinks.ResetPassword);
    }

    [Fact]
    public async Task Leaves_its_ticket_in_the_database_as_a_hash_only()
    {
        var account = await service.RegisterAsync();
        using var anybody = service.Anonymous();
        await AskAsync(anybody, account.Email);
        var ticket = MailedLinksFixture.TicketIn(await service.LinkOfAsync(account.Id, AccountLinks.ResetPassword));
        (await Poll.UntilAsync(
            async () => await service.Database.FindAsync(ticket), tables => tables.Count == 0, "the command to have left the outbox")).ShouldBeEmpty();
    }

    [Fact]
    public async Task Is_replaced_on_the_pages()
    {
        var account = await service.RegisterAsync();
        using var browser = service.Anonymous();
        (await browser.SendFormAsync("/account/forgotten-password", "cross-site", ("email", account.Email))).Page.ShouldContain("Send the link");
        (await browser.SendFormAsync("/account/forgotten-password", "same-origin", ("email", "no address"))).Status.ShouldBe(HttpStatusCode.BadRequest);
        (await browser.SendFormAsync("/account/forgotten-password", "same-origin", ("email", account.Email))).Page.ShouldContain("If there is an account");
        var link = (await service.LinkOfAsync(account.Id, AccountLinks.ResetPassword)).GetProperty("link").GetString()!;
        link.ShouldStartWith("http://localhost/account/reset-password#ticket=");
        using var opened = await browser.GetAsync(link, Token);
        opened.Headers.GetValues("Content-Security-Policy").ShouldHaveSingleItem().ShouldContain("form-action 'self'");
        opened.Headers.GetValues("Referrer-Policy").ShouldHaveSingleItem().ShouldBe("no-referrer");

        var ticket = HttpUtility.ParseQueryString(new Uri(link).Fragment[1..])["ticket"]!;
        var (status, page) = await browser.SendFormAsync("/account/reset-password", "same-origin", ("ticket", ticket), ("password", "short"));
        status.ShouldBe(HttpStatusCode.BadRequest);
        page.ShouldContain("role=\"alert\"");
        page.ShouldContain(ticket);
        (await browser.SendFormAsync(
            "/account/reset-password", "same-origin", ("ticket", ticket), ("password", New))).Page.ShouldContain("Your password is set");
        (await service.SignInAsync(account.Email, New)).Status.ShouldBe(200);
        (await browser.SendFormAsync("/account/reset-password", "same-origin", ("ticket", ticket), ("password", New))).Page.ShouldContain("was used already");
        (await browser.GetStringAsync("/account/reset-password", Token)).ShouldContain("opened by the link");
    }

    private static async Task<HttpStatusCode> AskAsync(HttpClient client, string email)
    {
        using var answer = await client.PostAsJsonAsync("/v1/password-resets", new { email }, Token);
        return answer.StatusCode;
    }

    private static async Task<HttpStatusCode> CompleteAsync(HttpClient client, string ticket, string newPassword)
    {
        using var answer = await client.PostAsJsonAsync("/v1/password-resets/complete", new { ticket, newPassword }, Token);
        return answer.StatusCode;
    }
}
