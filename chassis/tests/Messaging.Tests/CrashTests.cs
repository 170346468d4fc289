using System.Text;
using Chassis.Testing;
using Contracts.Events;
using Messaging.CrashHost;
using Npgsql;
using RabbitMQ.Client.Events;
using Shop.Contracts;

namespace Messaging.Tests;

/// <summary>A process that dies at any moment neither loses a message nor handles one twice.</summary>
public sealed class CrashTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    [Fact]
    public async Task Before_the_commit_nothing_has_happened_and_the_message_comes_again()
    {
        var subject = await SendOneAsync();
        using (var victim = WorkProcess.Start(fixture, settings: ("CrashAt", nameof(Moment.BeforeCommit))))
        {
            await victim.WaitForDeathAsync();
        }

        (await Effects(subject, "done")).ShouldBe(0);
        (await Rows(subject)).ShouldBe(0);
        await FinishAsync(subject);
    }

    [Fact]
    public async Task After_the_commit_before_hand_over_and_acknowledgement_the_event_still_leaves_and_the_message_is_not_handled_again()
    {
        var subject = await SendOneAsync();
        using (var victim = WorkProcess.Start(fixture, settings: ("CrashAt", nameof(Moment.AfterCommit))))
        {
            await victim.WaitForDeathAsync();
        }

        (await Effects(subject, "done")).ShouldBe(1);
        (await Rows(subject)).ShouldBe(1);
        await FinishAsync(subject);
    }

    [Fact]
    public async Task After_the_publish_before_the_confirm_the_event_is_sent_again_and_handled_once()
    {
        await using var proxy = new TcpProxy(fixture.Vhost.Uri.Host, fixture.Vhost.Uri.Port);
        var subject = await SendOneAsync();
        var outsider = await fixture.ListenAsync(ShopContracts.Exchanges.AllEvents, "#", declare: true);
        proxy.SilenceServerAfter(Encoding.UTF8.GetBytes($"\"orderId\":\"{subject}\""));
        using (var victim = WorkProcess.Start(fixture, proxy.Through(fixture.Vhost.Uri), ("Listener", "none")))
        {
            await Poll.UntilAsync(() => Seen(outsider, subject).Length > 0, "the event at the broker", Patience);
            proxy.IsSilenced.ShouldBeTrue();
            await victim.KillAsync();
        }

        (await Rows(subject)).ShouldBe(1);
        await FinishAsync(subject);
        await Poll.UntilAsync(() => Seen(outsider, subject).Length > 1, "the event a second time", Patience);
        Seen(outsider, subject).Select(m => m.BasicProperties.MessageId).Distinct().ShouldHaveSingleItem();
        Seen(outsider, subject).Select(m => Encoding.UTF8.GetString(m.Body.Span)).Distinct().ShouldHaveSingleItem();
    }

    [Fact]
    public async Task After_the_confirm_before_the_delete_the_event_is_sent_again_and_handled_once()
    {
        var subject = await SendOneAsync();
        await fixture.Database.ExecuteAsync(
            """
            CREATE FUNCTION messaging.wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(600); RETURN OLD; END $$;
            CREATE TRIGGER wait BEFORE DELETE ON messaging.outbox FOR EACH ROW EXECUTE FUNCTION messaging.wait();
            """);
        using (var victim = WorkProcess.Start(fixture))
        {
            await Poll.UntilAsync(() => Effects(subject, "cancelled"), n => n == 1, "the event's effect", Patience);
            await Poll.UntilAsync(
                () => fixture.Database.ScalarAsync<long>("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DELETE FROM messaging.outbox%' AND wait_event = 'PgSleep' AND datname = current_database()"),
                n => n > 0,
                "the delete to be under way");
            await victim.KillAsync();
        }

        await fixture.Database.ExecuteAsync(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()");
        await fixture.Database.ExecuteAsync("DROP TRIGGER wait ON messaging.outbox; DROP FUNCTION messaging.wait()");
        (await Rows(subject)).ShouldBe(1);
        await FinishAsync(subject);
    }

    private async Task<Guid> SendOneAsync()
    {
        if (!await fixture.HasQueueAsync(WorkQueues.Cancelled))
        {
            using var setUp = WorkProcess.Start(fixture);
            await Poll.UntilAsync(() => fixture.IsConsumedAsync(WorkQueues.Commands), "a consumer", Patience);
            await Poll.UntilAsync(() => fixture.IsConsumedAsync(WorkQueues.Cancelled), "a consumer", Patience);
            await setUp.KillAsync();
        }

        var subject = Guid.CreateVersion7();
        await using var channel = await fixture.OpenChannelAsync();
        await channel.SendRawAsync(WorkQueues.Commands, subject, new DoWork(subject, 1));
        return subject;
    }

    /// <summary>A healthy process brings everything to its end: every effect once, nothing left over.</summary>
    private async Task FinishAsync(Guid subject)
    {
        using var healthy = WorkProcess.Start(fixture);

        // Named, so that what is found elsewhere when this is waited for in vain can be told from what is ours.
        var ours = $"of {subject} in {new NpgsqlConnectionStringBuilder(fixture.Database.Migrations).Database} and {fixture.Vhost.Name}";
        await Poll.UntilAsync(() => Effects(subject, "cancelled"), n => n >= 1, $"the event's effect {ours}", Patience);
        await Poll.UntilAsync(fixture.OutboxRows, n => n == 0, "an empty outbox", Patience);
        await using var channel = await fixture.OpenChannelAsync();
        await Poll.UntilAsync(async () => await fixture.Vhost.MessagesAsync() == 0, "empty queues", Patience);
        (await Effects(subject, "done")).ShouldBe(1);
        (await Effects(subject, "cancelled")).ShouldBe(1);
        await healthy.KillAsync();
    }

    private static BasicDeliverEventArgs[] Seen(IEnumerable<BasicDeliverEventArgs> received, Guid subject) =>
        [.. received.Where(m => m.BasicProperties.HeaderText(CloudEventHeaders.Subject) == subject.ToString())];

    private Task<long> Rows(Guid subject) => fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM messaging.outbox WHERE outbox_key = '{subject}'");

    private Task<long> Effects(Guid subject, string note) =>
        fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM effects WHERE subject = '{subject}' AND note = '{note}'");
}
