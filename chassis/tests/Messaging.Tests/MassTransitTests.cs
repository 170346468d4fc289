using System.Collections.Concurrent;
using System.Text.Json;
using Chassis.Messaging;
using Chassis.Messaging.Relay;
using Chassis.Messaging.Storage;
using Chassis.Testing;
using MassTransit;
using Messaging.CrashHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using RabbitMQ.Client;

namespace Messaging.Tests;

/// <summary>What MassTransit's documentation says of a message is true of one that goes through this outbox.</summary>
public sealed class MassTransitTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_header_arrives_as_what_it_was()
    {
        var host = await fixture.StartAsync(bus => bus.AddConsumer<Hearing>().Endpoint(e => e.Name = "work.headers"));
        await Poll.UntilAsync(() => fixture.IsConsumedAsync("work.headers"), "a consumer");
        var subject = Guid.CreateVersion7();
        KeyValuePair<string, string>[] baggage = [new("shelf", "7"), new("mood", "good")];
        await host.InScope(async (scope, database) =>
        {
            // As MassTransit itself adds what a trace carries, as soon as anybody listens to it.
            var endpoint = await scope.GetRequiredService<ISendEndpointProvider>().GetSendEndpoint(new Uri("queue:work.headers"));
            await endpoint.Send(
                new DoWork(subject, 1),
                context =>
                {
                    context.Headers.Set("baggage", baggage);
                    context.Headers.Set("text", "7");
                    context.Headers.Set("number", 7);
                    context.Headers.Set("flag", true);
                },
                Token);
            await database.SaveChangesAsync(Token);
        });

        await Poll.UntilAsync(() => Hearing.Heard.ContainsKey(subject), "the message");
        Hearing.Heard[subject].Baggage.ShouldBe(baggage);
        Hearing.Heard[subject].Plain.ShouldBe(("7", 7L, true));
    }

    [Theory]
    [InlineData(ExchangeType.Topic)]
    [InlineData(ExchangeType.Direct)]
    public async Task An_exchange_that_somebody_has_made_otherwise_is_sent_to(string type)
    {
        var host = await fixture.StartAsync();
        await using var channel = await fixture.OpenChannelAsync();
        var exchange = $"work.made-{type}";
        await channel.ExchangeDeclareAsync(exchange, type, durable: true, cancellationToken: Token);
        var queue = await channel.QueueDeclareAsync(cancellationToken: Token);
        await channel.QueueBindAsync(queue.QueueName, exchange, type == ExchangeType.Topic ? "#" : "", cancellationToken: Token);
        var received = await WorkFixture.ListenToQueueAsync(channel, queue.QueueName);
        await host.InScope(async (scope, database) =>
        {
            await scope.SendWork(Guid.CreateVersion7(), 1, exchange);
            await database.SaveChangesAsync(Token);
        });

        await Poll.UntilAsync(() => received.Count == 1, "the message");
        await Poll.UntilAsync(fixture.OutboxRows, n => n == 0, "an empty outbox");
    }

    [Fact]
    public async Task The_time_that_a_scheduled_message_has_to_live_begins_when_it_leaves()
    {
        var host = await fixture.StartAsync();
        var due = TimeProvider.System.GetUtcNow().AddHours(1);
        Guid id = default;
        await host.InScope(async (scope, database) =>
        {
            await scope.GetRequiredService<IMessageScheduler>().ScheduleSend(
                new Uri("queue:work.later"),
                due.UtcDateTime,
                new DoWork(Guid.CreateVersion7(), 1),
                Pipe.Execute<SendContext<DoWork>>(context => (context.TimeToLive, id) = (TimeSpan.FromMinutes(1), context.MessageId!.Value)),
                Token);
            await database.SaveChangesAsync(Token);
        });

        var body = await fixture.Database.ScalarAsync<byte[]>($"DELETE FROM messaging.outbox WHERE message_id = '{id}' RETURNING body");
        JsonDocument.Parse(body!).RootElement.GetProperty("expirationTime").GetDateTime().ShouldBe(due.UtcDateTime.AddMinutes(1), TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task Who_stops_what_is_disposed_has_nothing_to_wait_for()
    {
        using var host = WorkHost.Build(fixture.Database.Migrations, fixture.Vhost.Uri);
        var recorder = new DeliveryRecorder(
            host.Services.GetRequiredService<OutboxStore>(), host.Services.GetRequiredService<IOptions<MessagingOptions>>().Value,
            host.Services.GetRequiredService<MessagingMetrics>(), TimeProvider.System, NullLogger.Instance);
        recorder.Start();
        recorder.Dispose();
        await recorder.StopAsync().WaitAsync(TimeSpan.FromSeconds(60), Token);
    }

    private sealed class Hearing : IConsumer<DoWork>
    {
        public static ConcurrentDictionary<Guid, (KeyValuePair<string, string>[]? Baggage, (object?, object?, object?) Plain)> Heard { get; } = new();

        public Task Consume(ConsumeContext<DoWork> context)
        {
            var all = context.Headers.GetAll().ToDictionary(h => h.Key, h => (object?)h.Value);
            Heard[context.Message.Subject] = (context.Headers.Get<KeyValuePair<string, string>[]>("baggage"), (all["text"], all["number"], all["flag"]));
            return Task.CompletedTask;
        }
    }
}
