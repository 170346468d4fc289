using Chassis.Testing;
using Microsoft.Extensions.DependencyInjection;
using Notifications.Telemetry;
using Notifications.Webhooks;

namespace Notifications.Tests;

/// <summary>Objectives mails-sent and webhooks-attempted of docs/operate/alerts.md, as they are counted.</summary>
public sealed class What_is_in_time
{
    [Theory]
    [InlineData(0, 1)]
    [InlineData(60, 1)]
    [InlineData(60.1, 0)]
    public void Of_mails_is_what_the_server_has_taken_after_a_minute_at_most(double age, int inTime) =>
        Counted(m => m.MailSent(TimeSpan.FromSeconds(age), TimeSpan.Zero, TimeSpan.Zero))("shop.mails.in_time").ShouldBe(inTime);

    [Theory]
    [InlineData(1, 9, 1, 1, 1)]
    [InlineData(1, 9, 2, 1, 0)]
    [InlineData(2, 0, 0, 0, 0)]
    public void Of_webhooks_is_what_was_attempted_once_after_ten_seconds_at_most(int attempt, double sinceEvent, double latency, int first, int inTime)
    {
        var delivery = new ClaimedDelivery(default, default, default, "e", "http://x", 0, attempt, [], [], TimeSpan.FromSeconds(sinceEvent));
        var counted = Counted(m => m.Attempted(new AttemptResult(delivery, default, TimeSpan.FromSeconds(latency), 500, null, null, null)));
        counted("shop.webhooks.first_attempts").ShouldBe(first);
        counted("shop.webhooks.in_time").ShouldBe(inTime);
    }

    private static Func<string, double> Counted(Action<NotificationMetrics> happens)
    {
        using var heard = new Measurements();
        using var services = new ServiceCollection().AddMetrics().AddSingleton<NotificationMetrics>().BuildServiceProvider();
        var metrics = services.GetRequiredService<NotificationMetrics>();
        metrics.StartAtZero();
        happens(metrics);
        return ((string[])["shop.mails.in_time", "shop.webhooks.first_attempts", "shop.webhooks.in_time"])
            .ToDictionary(name => name, name => heard.Counted(services, name)[string.Empty]).GetValueOrDefault;
    }
}
