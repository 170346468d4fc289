using System.Collections.Concurrent;
using System.Data.Common;
using System.Text;
using Chassis.Testing;
using MassTransit;
using MassTransit.RabbitMqTransport;
using Messaging.CrashHost;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using RabbitMQ.Client;

namespace Messaging.Tests;

/// <summary>The transport finds back to its queues, whatever it was doing when it lost the broker.</summary>
public sealed class ReconnectionTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Messages_that_are_committed_while_the_connection_ends_do_not_keep_the_next_one_away()
    {
        var slow = new SlowCommit();
        await fixture.StartAsync(
            bus =>
            {
                bus.AddConsumer<Worker<int>>().Endpoint(e => e.Name = "work.first");
                bus.AddConsumer<Worker<long>>().Endpoint(e => e.Name = "work.second");
                bus.AddConsumer<Worker<short>>().Endpoint(e => e.Name = "work.third");
            },
            services: services => services.AddSingleton(slow).AddSingleton<IInterceptor>(slow));
        for (var round = 1; round <= 3; round++)
        {
            string[] queues = ["work.first", "work.second", "work.third"];

            // Over the broker: what the service sends to itself does not go there. This connection ends with the others.
            await using var connection = await new ConnectionFactory { Uri = fixture.Vhost.Uri }.CreateConnectionAsync(Token);
            await using var channel = await connection.CreateChannelAsync(
                new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true), Token);
            foreach (var queue in queues)
            {
                await channel.SendRawAsync(queue, Guid.CreateVersion7(), new DoWork(Guid.CreateVersion7(), round));
            }

            for (var i = 0; i < queues.Length; i++)
            {
                (await slow.UnderWay.WaitAsync(TimeSpan.FromMinutes(3), Token)).ShouldBeTrue($"round {round}: {i} of 3 queues are read");
            }

            // The broker's list of connections is behind by a moment.
            await Poll.UntilAsync(
                async () =>
                {
                    await fixture.Vhost.CloseConnectionsAsync();
                    return slow.Outlived.CurrentCount == queues.Length;
                },
                "every message to have lost its connection");
            for (var i = 0; i < queues.Length; i++)
            {
                await slow.Outlived.WaitAsync(Token);
            }
        }
    }

    [Fact]
    public async Task An_endpoint_that_gets_no_answer_while_it_starts_tries_again()
    {
        // On one connection only the transport of the commands asks for prefetching and names their queue afterwards.
        byte[] prefetch = [0, 60, 0, 10];
        await using var proxy = new TcpProxy(fixture.Vhost.Uri.Host, fixture.Vhost.Uri.Port);
        proxy.SilenceServerAfter(prefetch, Encoding.UTF8.GetBytes(WorkQueues.Commands));
        var attempts = new Attempts();
        using var host = WorkHost.Build(
            fixture.Database.Migrations,
            proxy.Through(fixture.Vhost.Uri),
            bus =>
            {
                bus.AddWork();
                bus.AddReceiveEndpointObserver(_ => attempts);
            });
        await host.StartAsync(Token);
        await Poll.UntilAsync(() => proxy.IsSilenced, "the broker to be silent");

        // Either the client's time-out for a request or the heartbeat comes first; before MassTransit 8.5.2 the time-out ended the endpoint for good.
        await attempts.Failed.Task.WaitAsync(TimeSpan.FromMinutes(3), Token);
        proxy.SilenceServerAfter();
        proxy.Set(LinkMode.Open);

        await Poll.UntilAsync(() => host.Gauge("messaging.endpoints.idle") == 0, "every queue to be read", TimeSpan.FromMinutes(3));
        await host.StopAsync(Token);
    }

    private sealed class Attempts : IReceiveEndpointObserver
    {
        public TaskCompletionSource<Exception> Failed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Faulted(ReceiveEndpointFaulted faulted)
        {
            Failed.TrySetResult(faulted.Exception!);
            return Task.CompletedTask;
        }

        public Task Ready(ReceiveEndpointReady ready) => Task.CompletedTask;

        public Task Stopping(ReceiveEndpointStopping stopping) => Task.CompletedTask;

        public Task Completed(ReceiveEndpointCompleted completed) => Task.CompletedTask;
    }

    /// <typeparam name="T">Tells the consumers of several queues apart.</typeparam>
    public sealed class Worker<T>(WorkDatabase database, SlowCommit slow) : IConsumer<DoWork>
    {
        public Task Consume(ConsumeContext<DoWork> context)
        {
            database.Add(new Effect { Subject = context.Message.Subject, Number = context.Message.Number, Note = "slow" });
            slow.Expect(database, context.ReceiveContext.GetPayload<ChannelContext>().Channel);
            return Task.CompletedTask;
        }
    }

    /// <summary>The answer to the commit of a message comes when the channel that has delivered it is closed.</summary>
    public sealed class SlowCommit : DbTransactionInterceptor
    {
        private readonly ConcurrentDictionary<DbContext, IChannel> _expected = new();

        public SemaphoreSlim UnderWay { get; } = new(0);

        public SemaphoreSlim Outlived { get; } = new(0);

        public void Expect(DbContext database, IChannel channel) => _expected[database] = channel;

        public override async Task TransactionCommittedAsync(
            DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
        {
            if (_expected.TryRemove(eventData.Context!, out var channel))
            {
                UnderWay.Release();
                await Poll.UntilAsync(() => channel.IsClosed, "the channel to be closed");
                Outlived.Release();
            }
        }
    }
}
