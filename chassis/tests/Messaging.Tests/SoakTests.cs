using Chassis.Testing;
using Contracts.Events;
using Messaging.CrashHost;
using Shop.Contracts;

namespace Messaging.Tests;

/// <summary>Thousands of messages, a fifth of them twice, in any order, and a consumer that is killed again and again.</summary>
public sealed class SoakTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    private static readonly int Messages = Effort.Of(2_000, 10_000);
    private static readonly int Kills = Effort.Of(4, 20);

    [Fact]
    public async Task Every_effect_happens_exactly_once_every_event_leaves_and_nothing_is_left_over()
    {
        (string, string)[] settings = [("Listener", "none"), ("Messaging__Prefetch", "64")];
        var process = WorkProcess.Start(fixture, settings: settings);
        try
        {
            await Poll.UntilAsync(() => fixture.IsConsumedAsync(WorkQueues.Commands), "a consumer", TimeSpan.FromSeconds(60));
            var events = await fixture.ListenAsync(ShopContracts.Exchanges.AllEvents, "#");

            Guid[] ids = [.. Enumerable.Range(0, Messages).Select(_ => Guid.CreateVersion7())];
            Guid[] all = [.. ids, .. ids.Take(Messages / 5)];
            new Random(7).Shuffle(all);
            await using (var channel = await fixture.OpenChannelAsync())
            {
                // In batches: each send is done when the broker has confirmed it.
                foreach (var batch in all.Chunk(256))
                {
                    await Task.WhenAll(batch.Select(id => channel.SendRawAsync(WorkQueues.Commands, id, new DoWork(id, 1))));
                }
            }

            for (var kill = 1; kill <= Kills; kill++)
            {
                var next = (long)Messages * kill / (Kills + 1);
                await Poll.UntilAsync(Effects, n => n >= next, $"{next} effects", TimeSpan.FromSeconds(90));
                await process.KillAsync();
                process.Dispose();
                process = WorkProcess.Start(fixture, settings: settings);
            }

            await Poll.UntilAsync(Effects, n => n >= Messages, "all effects", TimeSpan.FromSeconds(120));
            await Poll.UntilAsync(fixture.OutboxRows, n => n == 0, "an empty outbox", TimeSpan.FromSeconds(60));
            await Poll.UntilAsync(async () => await fixture.Vhost.MessagesAsync() == 0, "empty queues", TimeSpan.FromSeconds(60));
            await process.KillAsync();

            (await Effects()).ShouldBe(Messages);
            (await fixture.Database.ScalarAsync<long>("SELECT count(DISTINCT subject) FROM effects")).ShouldBe(Messages);
            (await fixture.Database.ScalarAsync<long>("SELECT count(*) FROM messaging.dead_letters")).ShouldBe(0);
            await Poll.UntilAsync(
                () => Task.FromResult(events.Select(e => e.BasicProperties.HeaderText(CloudEventHeaders.Id)).Distinct().Count()),
                n => n >= Messages,
                "all events at the outsider");
            events.Select(e => e.BasicProperties.HeaderText(CloudEventHeaders.Id)).Distinct().Count().ShouldBe(Messages);
            events.Select(e => e.BasicProperties.HeaderText(CloudEventHeaders.Subject)).Distinct().Count().ShouldBe(Messages);
        }
        finally
        {
            process.Dispose();
        }
    }

    private Task<long> Effects() => fixture.Database.ScalarAsync<long>("SELECT count(*) FROM effects");
}
