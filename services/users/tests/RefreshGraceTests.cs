namespace Users.Tests;

/// <summary>As it comes, with some seconds of grace.</summary>
public sealed class A_refresh_token_that_is_shown_again_at_once(WithGrace service) : IClassFixture<WithGrace>
{
    [Fact]
    public async Task Keeps_both_tabs_signed_in()
    {
        var token = await SignInAsync();
        var answers = await Task.WhenAll(service.RefreshAsync(token), service.RefreshAsync(token));
        answers.Select(a => a.Status).ShouldBe([200, 200]);
        answers[0].Token.ShouldNotBe(answers[1].Token);
        foreach (var (_, successor) in answers)
        {
            (await service.RefreshAsync(successor!)).Status.ShouldBe(200);
        }
    }

    [Fact]
    public async Task Is_answered_anew_when_the_first_answer_was_lost()
    {
        var token = await SignInAsync();
        await service.RefreshAsync(token);
        var (status, successor) = await service.RefreshAsync(token);
        status.ShouldBe(200);
        (await service.RefreshAsync(successor!)).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Ends_the_family_once_a_successor_was_used()
    {
        var token = await SignInAsync();
        var (_, second) = await service.RefreshAsync(token);
        var (_, third) = await service.RefreshAsync(second!);
        (await service.RefreshAsync(token)).Status.ShouldBe(400);
        (await service.RefreshAsync(third!)).Status.ShouldBe(400);
    }

    [Fact]
    public async Task Ends_the_family_when_the_grace_is_over()
    {
        var token = await SignInAsync();
        var (_, second) = await service.RefreshAsync(token);
        await service.Database.ExecuteAsync("UPDATE oauth_tokens SET redemption_date = redemption_date - interval '1 minute' WHERE status = 'redeemed'");
        (await service.RefreshAsync(token)).Status.ShouldBe(400);
        (await service.RefreshAsync(second!)).Status.ShouldBe(400);
    }

    private async Task<string> SignInAsync()
    {
        var account = await service.RegisterAsync();
        return (await service.SignInAsync(account.Email, account.Password)).Body.GetProperty("refresh_token").GetString()!;
    }
}

/// <summary>The service with the grace that it has by default.</summary>
public sealed class WithGrace : UsersFixture
{
    protected override void Configure(IDictionary<string, string> settings)
    {
        base.Configure(settings);
        settings.Remove("Users:Tokens:RefreshGrace");
    }
}
