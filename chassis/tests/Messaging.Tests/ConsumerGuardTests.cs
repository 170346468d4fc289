using Chassis.Messaging.Model;
using Chassis.Testing;
using MassTransit;
using Messaging.CrashHost;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Messaging.Tests;

/// <summary>A process that has become deaf does not stay so, nor one that takes messages and finishes none. One that is slow, or waits, lives.</summary>
public sealed class ConsumerGuardTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    private const string OldestAge = "messaging.endpoints.oldest_age";
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(60);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_service_whose_queues_nobody_reads_although_the_broker_is_there_ends()
    {
        var before = Environment.ExitCode;
        var host = await fixture.StartAsync(bus => bus.AddWork(), new Dictionary<string, string?> { ["Messaging:ConsumerPatience"] = "00:00:01" });
        var ending = host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        await Poll.UntilAsync(() => host.Gauge("messaging.endpoints.idle") == 0, "the guard to have seen every consumer");
        ending.IsCancellationRequested.ShouldBeFalse();

        // As the transport does when it has lost its way: the process lives, the broker is there, and nobody consumes.
        await host.Services.GetRequiredService<IBusControl>().StopAsync(Token);

        await Poll.UntilAsync(() => ending.IsCancellationRequested, "the service to end", TimeSpan.FromSeconds(30));
        Environment.ExitCode.ShouldBe(1);
        host.Gauge("messaging.endpoints.idle").ShouldBe(2);
        Environment.ExitCode = before;
        await host.StopAsync(Token);
    }

    [Theory]
    [InlineData("effects", Stage.Consumer)]
    [InlineData("messaging.inbox", Stage.Inbox)]
    public async Task A_process_that_reads_a_queue_and_settles_nothing_says_what_it_is_at_and_ends(string table, object stage)
    {
        // What waits is there before anybody reads it: a busy machine may take longer to send it than the process is patient.
        await (await fixture.StartAsync(bus => bus.AddWork())).StopAsync(Token);
        await using var channel = await fixture.OpenChannelAsync();
        Guid[] ids = [.. Enumerable.Range(0, 5).Select(_ => Guid.CreateVersion7())];
        foreach (var id in ids)
        {
            await channel.SendRawAsync(WorkQueues.Commands, id, new DoWork(id, 1));
        }

        // Nobody gives the table back, and no time-out is there to notice.
        await using var connection = new NpgsqlConnection(fixture.Database.Migrations);
        await connection.OpenAsync(Token);
        await using var theirs = await connection.BeginTransactionAsync(Token);
        await new NpgsqlCommand($"LOCK TABLE {table} IN EXCLUSIVE MODE", connection, theirs).ExecuteNonQueryAsync(Token);
        using var process = WorkProcess.Start(
            fixture,
            settings:
            [
                ("ConnectionStrings__Database", new NpgsqlConnectionStringBuilder(fixture.Database.Migrations) { CommandTimeout = 0 }.ConnectionString),
                ("Messaging__ProgressPatience", "00:00:03"),
                ("Messaging__Prefetch", "1"),
                ("Messaging__Concurrency", "1"),
            ]);

        await process.WaitForDeathAsync();

        process.ExitCode.ShouldBe(1);
        process.Log.ShouldMatch(
            $"{WorkQueues.Commands} is read, and nothing of it has been settled here for \\d+ s; .*Waiting: 4, in flight: 1, the oldest: {ids[0]} \\(urn:message:.*DoWork\\) for \\d+ s, now in {stage}");
        await Poll.UntilAsync(() => channel.MessageCountAsync(WorkQueues.Commands, Token), n => n == ids.Length, "the broker to have everything back");
        await channel.QueuePurgeAsync(WorkQueues.Commands, Token);
    }

    [Fact]
    public async Task A_process_whose_database_is_away_for_longer_waits_for_it_and_goes_on()
    {
        var direct = new NpgsqlConnectionStringBuilder(fixture.Database.Migrations);
        await using var proxy = new TcpProxy(direct.Host!, direct.Port);
        var patience = TimeSpan.FromSeconds(6);
        using var host = WorkHost.Build(
            new NpgsqlConnectionStringBuilder(direct.ConnectionString) { Host = "127.0.0.1", Port = proxy.Port }.ConnectionString,
            fixture.Vhost.Uri,
            bus => bus.AddWork(),
            new Dictionary<string, string?> { ["Messaging:ProgressPatience"] = patience.ToString() });
        var ending = host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        await host.StartAsync(Token);
        await host.Services.UntilReadyAsync();
        await using var channel = await fixture.OpenChannelAsync();
        proxy.Set(LinkMode.Reset);
        var id = Guid.CreateVersion7();
        await channel.SendRawAsync(WorkQueues.Commands, id, new DoWork(id, 1));

        await Poll.UntilAsync(
            () => ending.IsCancellationRequested || host.Gauge(OldestAge) > patience.TotalSeconds * 4, "the message to have waited for long", Long);
        ending.IsCancellationRequested.ShouldBeFalse();
        proxy.Set(LinkMode.Open);

        await Poll.UntilAsync(() => Effects(id), n => n == 1, "the message's effect", Long);
        await Poll.UntilAsync(() => host.Gauge(OldestAge) == 0, "everything to be settled", Long);
        ending.IsCancellationRequested.ShouldBeFalse();
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task A_process_lives_that_settles_slowly_has_nothing_to_do_or_leaves_the_work_to_another_replica()
    {
        const string slowQueue = "work.slow";
        const string sharedQueue = "work.shared";
        var patience = TimeSpan.FromSeconds(8);
        var slow = new Slow();
        var replicas = new Replicas();
        var host = await fixture.StartAsync(
            bus =>
            {
                bus.AddConsumer<SlowConsumer>().Endpoint(e => e.Name = slowQueue);
                bus.AddConsumer<ReplicaConsumer>().Endpoint(e => e.Name = sharedQueue);
                bus.AddConsumer<CancelledConsumer>().Endpoint(e => e.Name = "work.idle");
            },
            new Dictionary<string, string?> { ["Messaging:ProgressPatience"] = patience.ToString() },
            services: services => services.AddSingleton(slow).AddSingleton(replicas));
        var ending = host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        var others = new Replicas();
        await fixture.StartAsync(
            bus =>
            {
                bus.AddConsumer<ReplicaConsumer>().Endpoint(e => e.Name = sharedQueue);
                bus.AddConfigureEndpointsCallback((_, endpoint) => ((IRabbitMqReceiveEndpointConfigurator)endpoint).ConsumerPriority = 1);
            },
            services: services => services.AddSingleton(others));
        await using var channel = await fixture.OpenChannelAsync();
        for (var number = 0; number < 50; number++)
        {
            await channel.SendRawAsync(slowQueue, Guid.CreateVersion7(), new DoWork(Guid.CreateVersion7(), number));
        }

        for (var sent = 1; !ending.IsCancellationRequested && !(host.Gauge(OldestAge) > patience.TotalSeconds * 3); sent++)
        {
            await channel.SendRawAsync(sharedQueue, Guid.CreateVersion7(), new DoWork(Guid.CreateVersion7(), sent));
            await Poll.UntilAsync(() => replicas.Handled + others.Handled == sent, "a replica to have done its work", Long);
            await channel.SendRawAsync(slowQueue, Guid.CreateVersion7(), new DoWork(Guid.CreateVersion7(), sent));
            slow.Permits.Release();
        }

        ending.IsCancellationRequested.ShouldBeFalse();
        replicas.Handled.ShouldBe(0);
        slow.First.SetResult();
        slow.Permits.Release(100);
    }

    [Theory]
    [InlineData("00:00:00")]
    [InlineData("24:00:00")]
    public void The_patience_with_work_that_stands_still_is_neither_none_nor_endless(string patience)
    {
        using var host = WorkHost.Build(
            fixture.Database.Migrations, fixture.Vhost.Uri, settings: new Dictionary<string, string?> { ["Messaging:ProgressPatience"] = patience });
        Should.Throw<OptionsValidationException>(
            () => host.Services.GetRequiredService<IStartupValidator>().Validate()).Message.ShouldContain("Messaging:ProgressPatience");
    }

    private Task<long> Effects(Guid subject) =>
        fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM effects WHERE subject = '{subject}' AND note = 'done'");

    public sealed class Slow
    {
        /// <summary>The first message ends with the test.</summary>
        public TaskCompletionSource First { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>One for each of the others.</summary>
        public SemaphoreSlim Permits { get; } = new(0);
    }

    public sealed class SlowConsumer(Slow slow) : IConsumer<DoWork>
    {
        public Task Consume(ConsumeContext<DoWork> context) => context.Message.Number == 0
            ? slow.First.Task.WaitAsync(context.CancellationToken)
            : slow.Permits.WaitAsync(context.CancellationToken);
    }

    public sealed class Replicas
    {
        private int _handled;

        public int Handled => Volatile.Read(ref _handled);

        public void Count() => Interlocked.Increment(ref _handled);
    }

    public sealed class ReplicaConsumer(Replicas replicas) : IConsumer<DoWork>
    {
        public Task Consume(ConsumeContext<DoWork> context)
        {
            replicas.Count();
            return Task.CompletedTask;
        }
    }
}
