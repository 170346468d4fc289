using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Testing;
using Microsoft.Extensions.DependencyInjection;
using Notifications.Mails;
using Notifications.Telemetry;
using Notifications.Tests.Support;
using Shop.Contracts.Users.V1;

namespace Notifications.Tests.Mails;

/// <summary>A mail server that does as it is told, for what the catcher never does.</summary>
public sealed class StubbornMailServer
{
    private readonly ConcurrentQueue<string> _taken = new();

    /// <summary>What happens to the n-th attempt of a mail, by recipient; null when it is taken.</summary>
    public Func<string, int, MailTransportException?> Behaviour { get; set; } = (_, _) => null;

    /// <summary>What the answer to a mail waits for, by recipient.</summary>
    public Func<string, Task> Answer { get; set; } = _ => Task.CompletedTask;

    public IReadOnlyCollection<string> Taken => _taken;

    public ConcurrentDictionary<string, int> Attempts { get; } = new();

    /// <summary>Who got a mail over a connection that is ended by now.</summary>
    public ConcurrentQueue<string> Ended { get; } = new();

    public IMailTransport Connect() => new Connection(this);

    private sealed class Connection(StubbornMailServer server) : IMailTransport
    {
        private readonly ConcurrentQueue<string> _recipients = new();

        public bool HandedOver { get; private set; }

        public async Task SendAsync(OutgoingMail mail, CancellationToken ct)
        {
            if (server.Behaviour(mail.Recipient, server.Attempts.AddOrUpdate(mail.Recipient, 1, (_, n) => n + 1)) is { } failure)
            {
                throw failure;
            }

            _recipients.Enqueue(mail.Recipient);
            server._taken.Enqueue(mail.MessageId);
            HandedOver = true;
            await server.Answer(mail.Recipient);
            HandedOver = false;
        }

        public void Dispose()
        {
            foreach (var recipient in _recipients)
            {
                server.Ended.Enqueue(recipient);
            }
        }
    }
}

public class StubbornFixture : NotificationsFixture
{
    public StubbornMailServer Server { get; } = new();

    /// <summary>What a replica brings: senders of its own, that know of the others only through the database.</summary>
    public MailSender Replica() => ActivatorUtilities.CreateInstance<MailSender>(Services, ActivatorUtilities.CreateInstance<MailQueue>(Services));

    /// <summary>The only mail of somebody.</summary>
    public async Task<JsonElement> Row(Guid userId)
    {
        using var client = Operator();
        return (await Poll.UntilAsync(
            async () => (await client.GetFromJsonAsync<JsonElement>($"/v1/notifications?userId={userId}")).GetProperty("items").EnumerateArray().ToList(),
            i => i.Count == 1,
            "the mail"))[0];
    }

    /// <summary>The same, once it was sent, has failed, or was suppressed.</summary>
    public async Task<JsonElement> Ended(Guid userId)
    {
        using var client = Operator();
        var items = await Poll.UntilAsync(
            async () => (await client.GetFromJsonAsync<JsonElement>($"/v1/notifications?userId={userId}")).GetProperty("items").EnumerateArray().ToList(),
            i => i.Count == 1 && i[0].GetProperty("status").GetString() != "pending",
            "the mail to come to its end");
        return items[0];
    }

    protected override void Configure(IDictionary<string, string> settings)
    {
        base.Configure(settings);
        settings["Mail:UnconfirmedRetries:0"] = "00:00:00.200";
    }

    protected override void ConfigureServices(IServiceCollection services)
    {
        base.ConfigureServices(services);
        services.AddSingleton<Func<IMailTransport>>(Server.Connect);
    }
}

public class SendingTests(StubbornFixture service, ITestOutputHelper output) : IClassFixture<StubbornFixture>
{
    [Fact]
    public async Task A_mail_that_is_deferred_is_tried_again()
    {
        service.Server.Behaviour = (_, attempt) => attempt < 3
            ? new MailTransportException(MailFailure.Deferred, "The mail server deferred the mail (451).")
            : null;
        var mail = await service.Ended((await service.Register()).UserId);
        mail.GetProperty("status").GetString().ShouldBe("sent");
        mail.GetProperty("attempts").GetInt32().ShouldBe(3);
    }

    [Fact]
    public async Task A_mail_that_is_deferred_for_good_has_failed_and_says_why()
    {
        service.Server.Behaviour = (_, _) => new MailTransportException(MailFailure.Deferred, "The mail server deferred the mail (451).");
        var mail = await service.Ended((await service.Register()).UserId);
        mail.GetProperty("status").GetString().ShouldBe("failed");
        mail.GetProperty("attempts").GetInt32().ShouldBe(3);
        mail.GetProperty("error").GetString().ShouldBe("The mail server deferred the mail (451).");
    }

    [Fact]
    public async Task A_mail_that_is_refused_is_not_tried_again()
    {
        service.Server.Behaviour = (_, _) => new MailTransportException(MailFailure.Refused, "The mail server refused the mail (550).");
        var mail = await service.Ended((await service.Register()).UserId);
        mail.GetProperty("status").GetString().ShouldBe("failed");
        mail.GetProperty("attempts").GetInt32().ShouldBe(1);
    }

    [Fact]
    public async Task A_mail_that_may_have_been_taken_is_sent_again()
    {
        service.Server.Behaviour = (_, attempt) => attempt < 2
            ? new MailTransportException(MailFailure.Unconfirmed, "The mail server did not say whether it took the mail.")
            : null;
        var mail = await service.Ended((await service.Register()).UserId);
        mail.GetProperty("status").GetString().ShouldBe("sent");
        mail.GetProperty("attempts").GetInt32().ShouldBe(2);
    }

    [Fact]
    public async Task A_server_that_never_says_whether_it_took_the_mail_gets_it_a_few_times_and_the_row_says_why()
    {
        service.Server.Behaviour = (_, _) => new MailTransportException(MailFailure.Unconfirmed, "The mail server did not say whether it took the mail.");
        var user = await service.Register();
        var mail = await service.Ended(user.UserId);
        mail.GetProperty("status").GetString().ShouldBe("failed");
        mail.GetProperty("error").GetString().ShouldBe("The mail server did not say whether it took the mail.");
        service.Server.Attempts[user.Email].ShouldBe(2, "each may be a copy: fewer than of one that was refused");
    }

    [Fact]
    public async Task The_connection_is_ended_when_no_mail_follows()
    {
        service.Server.Behaviour = (_, _) => null;
        var user = await service.Register();
        await service.Ended(user.UserId);
        await Poll.UntilAsync(() => service.Server.Ended.Contains(user.Email), "the sender to hang up");
    }

    [Fact]
    public async Task A_mail_server_that_is_away_costs_the_waiting_mails_no_attempts()
    {
        var away = true;
        service.Server.Behaviour = (_, _) => Volatile.Read(ref away)
            ? new MailTransportException(MailFailure.ServerUnavailable, "The mail server cannot be used.")
            : null;
        var first = await service.Register();
        await Poll.UntilAsync(() => service.Server.Attempts.ContainsKey(first.Email), "the first attempt");
        var waiting = new List<UserRegistered>();
        for (var i = 0; i < 30; i++)
        {
            waiting.Add(await service.Register());
        }

        Volatile.Write(ref away, false);
        foreach (var user in waiting)
        {
            (await service.Ended(user.UserId)).GetProperty("status").GetString().ShouldBe("sent");
        }

        // Four senders may meet the silence at once; the others need not.
        waiting.Count(u => service.Server.Attempts[u.Email] == 1).ShouldBeGreaterThanOrEqualTo(20);
    }

    [Fact]
    public async Task Two_replicas_send_each_mail_once_and_measure_the_moment_in_which_a_crash_repeats_it()
    {
        service.Server.Behaviour = (_, _) => null;
        var windows = new ConcurrentBag<double>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter.Name == NotificationMetrics.MeterName && instrument.Name == "shop.mails.window")
            {
                l.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<double>((_, seconds, _, _) => windows.Add(seconds * 1000));
        listener.Start();

        using var replica = service.Replica();
        await replica.StartAsync(TestContext.Current.CancellationToken);
        var before = service.Server.Taken.Count;
        var users = new List<Guid>();
        for (var i = 0; i < 200; i++)
        {
            users.Add((await service.Register()).UserId);
        }

        foreach (var user in users)
        {
            (await service.Ended(user)).GetProperty("status").GetString().ShouldBe("sent");
        }

        await replica.StopAsync(TestContext.Current.CancellationToken);
        var taken = service.Server.Taken.Skip(before).ToList();
        taken.Count.ShouldBe(200);
        taken.Distinct().Count().ShouldBe(200);
        var sorted = windows.Order().ToArray();
        output.WriteLine($"window in which a crash repeats a mail: p50 {sorted[sorted.Length / 2]:0.0} ms, p99 {sorted[(int)(sorted.Length * 0.99)]:0.0} ms, max {sorted[^1]:0.0} ms of {sorted.Length} mails");
        sorted.Length.ShouldBeGreaterThanOrEqualTo(200, "every mail measures its window");
        sorted[sorted.Length / 2].ShouldBeLessThan(5_000);
    }
}
