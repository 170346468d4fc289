using Chassis.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Notifications.Mails;
using Shop.Contracts.Inventory.V1;

namespace Notifications.Tests.Mails;

public sealed class StoppingTests(StoppingTests.Slow service) : IClassFixture<StoppingTests.Slow>
{
    private const int Senders = 4;

    [Fact]
    public async Task What_is_claimed_and_not_being_sent_is_free_at_once_when_the_service_stops()
    {
        var answers = new TaskCompletionSource();
        var first = new TaskCompletionSource();
        var asked = 0;
        service.Server.Answer = _ => Interlocked.Increment(ref asked) == 1 ? first.Task : answers.Task;
        await service.Services.GetRequiredService<MailOutbox>().AddAsync(
            [.. Enumerable.Range(0, 2 * Senders).Select(_ => LowStock())], TestContext.Current.CancellationToken);
        await Poll.UntilAsync(() => Volatile.Read(ref asked) == Senders, "every sender to wait for an answer");

        // The one that is answered claims for the others too.
        first.SetResult();
        await Poll.UntilAsync(async () => await Claimed() == (2 * Senders) - 1, "the rest to be claimed");
        var stopping = service.Services.GetServices<IHostedService>().OfType<MailSender>().Single().StopAsync(CancellationToken.None);
        await Poll.UntilAsync(async () => await Claimed() == Senders, "what nobody sends to be free");

        answers.SetResult();
        await stopping;
        (await service.Database.ScalarAsync<long>("SELECT count(*) FROM mails WHERE status = 'pending' AND attempts = 0 AND due_at <= now()")).ShouldBe(
            Senders - 1);
        service.Server.Taken.Count.ShouldBe(Senders + 1);
    }

    private static MailRequest LowStock()
    {
        var id = Guid.CreateVersion7().ToString();
        return new MailRequest(
            MailTemplate.LowStock,
            id,
            id,
            "shop.stock.low.v1",
            new StockLow("NB-14", 1, 2, DateTimeOffset.UtcNow),
            Recipient: $"{id}@example.org",
            Audience: Audiences.Operators);
    }

    private Task<long> Claimed() => service.Database.ScalarAsync<long>("SELECT count(*) FROM mails WHERE claim IS NOT NULL");

    public sealed class Slow : StubbornFixture;
}
