using Chassis.Testing;

namespace Notifications.Tests.Mails;

/// <summary>
/// Claims that run out while somebody looks. A machine may be too busy to send a mail within one, which counts as an attempt: what the mail server has seen is
/// what counts.
/// </summary>
public sealed class BriefLeaseFixture : StubbornFixture
{
    protected override void Configure(IDictionary<string, string> settings)
    {
        base.Configure(settings);
        settings["Mail:Lease"] = "00:00:02";
    }
}

public class LeaseTests(BriefLeaseFixture service) : IClassFixture<BriefLeaseFixture>
{
    [Fact]
    public async Task A_server_that_answers_long_after_the_lease_gets_the_mail_once()
    {
        service.Server.Behaviour = (_, _) => null;
        using var replica = service.Replica();
        await replica.StartAsync(TestContext.Current.CancellationToken);
        var answer = new TaskCompletionSource();
        service.Server.Answer = _ => answer.Task;
        var user = await service.Register();
        try
        {
            await Poll.UntilAsync(
                async () => (await service.Row(user.UserId)).GetProperty("error").GetString() == "The mail server has the whole mail and has not answered yet.",
                "the row to say what is waited for");
            await Elapsed(TimeSpan.FromSeconds(8));
            service.Server.Attempts[user.Email].ShouldBe(1);
        }
        finally
        {
            service.Server.Answer = _ => Task.CompletedTask;
            answer.SetResult();
        }

        var mail = await service.Ended(user.UserId);
        mail.GetProperty("status").GetString().ShouldBe("sent");
        service.Server.Attempts[user.Email].ShouldBe(1);
        await replica.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_database_that_is_away_for_longer_than_every_lease_repeats_no_mail()
    {
        service.Server.Behaviour = (_, _) => null;
        using var replica = service.Replica();
        await replica.StartAsync(TestContext.Current.CancellationToken);
        var answer = new TaskCompletionSource();
        service.Server.Answer = _ => answer.Task;
        var user = await service.Register();
        await Poll.UntilAsync(() => service.Server.Attempts.ContainsKey(user.Email), "the mail to be handed over");
        await using (await service.Database.CutOffAsync())
        {
            service.Server.Answer = _ => Task.CompletedTask;
            answer.SetResult();
            await Elapsed(TimeSpan.FromSeconds(6));
        }

        var mail = await service.Ended(user.UserId);
        mail.GetProperty("status").GetString().ShouldBe("sent");
        await Elapsed(TimeSpan.FromSeconds(4));
        service.Server.Attempts[user.Email].ShouldBe(1);
        await replica.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_mail_whose_senders_die_again_and_again_is_given_up()
    {
        service.Server.Behaviour = (_, _) => null;
        var answer = new TaskCompletionSource();
        service.Server.Answer = _ => answer.Task;
        var user = await service.Register();
        await Poll.UntilAsync(() => service.Server.Attempts.ContainsKey(user.Email), "the mail to be handed over");

        // As if two more processes had died with it, and this one as well.
        await service.Database.ScalarAsync<int>(
            $"UPDATE mails SET attempts = 3, claim = gen_random_uuid(), due_at = now() WHERE user_id = '{user.UserId}' RETURNING attempts");
        service.Server.Answer = _ => Task.CompletedTask;
        answer.SetResult();

        var mail = await service.Ended(user.UserId);
        mail.GetProperty("status").GetString().ShouldBe("failed");
        mail.GetProperty("error").GetString()!.ShouldStartWith("The mail was being sent again and again");
        service.Server.Attempts[user.Email].ShouldBe(1);
    }

    // What is tested is that nothing happens in a time: so long it has to be looked.
    private static Task Elapsed(TimeSpan time) => Task.Delay(time, TestContext.Current.CancellationToken);
}
