using Chassis.Messaging;
using Chassis.Testing;
using MassTransit;
using Messaging.CrashHost;
using Microsoft.Extensions.DependencyInjection;

namespace Messaging.Tests;

/// <summary>A queue that nobody reads any more is read again, whatever took its consumer away.</summary>
public sealed class ConsumerGuardTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Consumption_that_has_ended_while_the_broker_is_there_is_started_anew()
    {
        var host = await fixture.StartAsync(bus => bus.AddWork(), new Dictionary<string, string?> { ["Messaging:ConsumerPatience"] = "00:00:01" });
        await Poll.Until(() => host.Gauge("messaging.endpoints.idle") == 0, "the guard to have seen every consumer");

        // As the transport does when it has lost its way: the process lives, the broker is there, and nobody consumes.
        await host.Services.GetRequiredService<IBusControl>().StopAsync(Token);
        (await ConsumersAsync()).ShouldBe(0u);
        var subject = Guid.CreateVersion7();
        await host.InScope(async (scope, database) =>
        {
            await scope.SendWork(subject, 1);
            await database.SaveChangesAsync(Token);
        });

        await Poll.Until(
            () => fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM effects WHERE subject = '{subject}'"), n => n > 0, "the effect", TimeSpan.FromSeconds(30));
        (await ConsumersAsync()).ShouldBe(1u);
        await Poll.Until(() => host.Gauge("messaging.endpoints.idle") == 0, "the guard to be content");
    }

    private async Task<uint> ConsumersAsync()
    {
        await using var channel = await fixture.OpenChannelAsync();
        return (await channel.QueueDeclarePassiveAsync(WorkQueues.Commands, Token)).ConsumerCount;
    }
}
