using System.Collections.Concurrent;
using System.Text.Json;
using Chassis;
using Chassis.Messaging.Model;
using Chassis.Messaging.Storage;
using Chassis.Testing;
using Contracts.Events;
using MassTransit;
using Messaging.CrashHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;
using RabbitMQ.Client;
using Shop.Contracts;

namespace Messaging.Tests;

/// <summary>
/// A tenant that asks for more than can be done holds up nobody else, and gets everything done in the end. Each test stops its hosts: another one's would take
/// what waits.
/// </summary>
public sealed class FairShareTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    private static readonly string[] Others = [.. Enumerable.Range(1, 9).Select(n => $"t{n}")];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]     // with nothing done about it: or the test would show nothing
    public async Task Whose_messages_never_come_to_an_end_holds_up_nobody(bool fair)
    {
        var queue = fair ? "work.shared" : "work.first-come";
        await using var channel = await fixture.OpenChannelAsync();
        var gate = Gate.Of(queue);
        var host = await fixture.StartAsync(
            bus => bus.AddConsumer<Gated>().Endpoint(e => e.Name = queue), new Dictionary<string, string?> { ["Messaging:FairShares"] = fair.ToString() });
        // Everybody is known, and then comes a flood, with some of the others in it.
        await FillAsync(channel, queue, Others, 1);
        await Poll.UntilAsync(() => gate.Done.Count == Others.Length, "the first of each");
        for (var round = 0; round < 4; round++)
        {
            await FillAsync(channel, queue, ["hot"], 100);
            await FillAsync(channel, queue, Others, 1);
        }

        if (!fair)
        {
            // As many as are handled at once, and nothing moves any more.
            await Poll.UntilAsync(() => gate.Entered == Others.Length + 8, "every place to be taken");
            gate.Open();
        }

        await Poll.UntilAsync(() => gate.Done.Count(d => d != "hot") == Others.Length * 5, "all of the others", TimeSpan.FromMinutes(2));
        gate.HotBeforeOthers.ShouldBe(!fair);
        gate.Open();
        await Poll.UntilAsync(() => gate.Done.Count >= 400 + (Others.Length * 5), "everything", TimeSpan.FromMinutes(2));
        await Poll.UntilAsync(fixture.OutboxRows, n => n == 0, "an empty outbox");
        gate.Done.Count.ShouldBe(400 + (Others.Length * 5));
        (await fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM effects WHERE note = '{queue}'")).ShouldBe(400 + (Others.Length * 5));
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task Nonsense_that_was_put_aside_is_a_dead_letter_with_the_id_that_it_had_on_the_broker()
    {
        const string Queue = "work.nonsense";
        await using var channel = await fixture.OpenChannelAsync();
        var gate = Gate.Of(Queue);
        var host = await fixture.StartAsync(bus => bus.AddConsumer<Gated>().Endpoint(e => e.Name = Queue));
        await FillAsync(channel, Queue, Others, 1);
        await Poll.UntilAsync(() => gate.Done.Count == Others.Length, "the first of each");
        await FillAsync(channel, Queue, ["hot"], 100);
        var (inside, outside) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await SendAsync(channel, Queue, "hot", inside, new { subject = "no id", number = "no number" }, outside);
        await Poll.UntilAsync(
            () => fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM messaging.outbox WHERE message_id = '{outside}'"), n => n == 1, "it to be put aside");

        gate.Open();
        await Poll.UntilAsync(
            () => fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM messaging.dead_letters WHERE message_id = '{outside}'"), n => n == 1, "its letter");
        await Poll.UntilAsync(fixture.OutboxRows, n => n == 0, "an empty outbox");
        await fixture.Database.ExecuteAsync("DELETE FROM messaging.dead_letters");
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task What_a_process_had_put_aside_when_it_died_is_handled_by_the_next_and_by_a_version_that_knows_nothing_of_shares()
    {
        var (mine, earlier) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await InsertAsync("hot", mine);
        await InsertAsync("hot", earlier);
        // What that version asks for, five minutes later.
        (await fixture.Database.ScalarAsync<long>(
            $"""
            SELECT count(*) FROM messaging.outbox WHERE message_id = '{earlier}' AND NOT scheduled AND parked_at IS NULL
                AND due_at > now() AND due_at <= now() + interval '5 minutes'
            """)).ShouldBe(1);

        var sent = await fixture.ListenAsync("work.elsewhere", declare: true);
        var host = await fixture.StartAsync();

        await Poll.UntilAsync(() => sent.Count >= 2, "both to be sent");
        await Poll.UntilAsync(fixture.OutboxRows, n => n == 0, "an empty outbox");
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task A_look_takes_of_each_line_the_same()
    {
        await using var database = NpgsqlDataSource.Create(fixture.Database.Migrations);
        for (var i = 0; i < 60; i++)
        {
            await InsertAsync("hot", Guid.CreateVersion7());
        }

        await InsertAsync("warm", Guid.CreateVersion7());
        await InsertAsync("warm", Guid.CreateVersion7());
        await InsertAsync(string.Empty, Guid.CreateVersion7());
        var store = new OutboxStore(database, ShopContracts.Catalogue);
        var watermark = new Watermark(TimeSpan.FromSeconds(8), TimeProvider.System);

        (await store.ClaimAsync(100, 0, watermark, TimeSpan.FromMinutes(1), Token)).Rows.ShouldBeEmpty("there is no room for what is behind");
        var (rows, more, _) = await store.ClaimAsync(100, 30, watermark, TimeSpan.FromMinutes(1), Token);
        rows.CountBy(r => r.TenantOrNone).OrderBy(t => t.Key).ShouldBe([new("", 1), new("hot", 10), new("warm", 2)]);
        more.ShouldBeTrue();
        rows.Select(r => r.Id).ShouldBeInOrder();

        // They are this process's now, and nobody's surplus: when it dies they are due.
        (await store.ClaimAsync(100, 100, watermark, TimeSpan.FromMinutes(1), Token)).Rows.Count.ShouldBe(50);
        (await fixture.Database.ScalarAsync<long>("SELECT count(*) FROM messaging.outbox WHERE surplus_of IS NOT NULL")).ShouldBe(0);
        await fixture.Database.ExecuteAsync("DELETE FROM messaging.outbox");
    }

    [Fact]
    public async Task What_a_tenant_writes_beyond_its_share_of_the_memory_waits_in_its_line_while_others_are_sent()
    {
        var small = new Dictionary<string, string?> { ["Messaging:MemoryRows"] = "80" };
        using (var host = WorkHost.Build(fixture.Database.Migrations, new Uri("amqp://guest:guest@127.0.0.1:1/"), settings: small))
        {
            await host.StartAsync(Token);
            await PublishAsync(host, "other", 2);
            await PublishAsync(host, "hot", 60);
            await PublishAsync(host, "other", 2);
            (await CountAsync("surplus_of = 'hot'")).ShouldBeInRange(20, 40);
            (await CountAsync("surplus_of IS NULL")).ShouldBe(64 - await CountAsync("surplus_of = 'hot'"));
            await host.StopAsync(Token);
        }

        var sent = await fixture.ListenAsync("shop.order.cancelled.v1");
        var next = await fixture.StartAsync();
        await Poll.UntilAsync(() => sent.Count >= 64, "all of them");
        await Poll.UntilAsync(fixture.OutboxRows, n => n == 0, "an empty outbox");
        await next.StopAsync(Token);

        Task<long> CountAsync(string where) => fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM messaging.outbox WHERE {where}");
    }

    private static async Task PublishAsync(IHost host, string tenant, int count)
    {
        using var operation = OperationContext.Begin(new OperationContext("fair", null, null, tenant));
        for (var i = 0; i < count; i++)
        {
            await host.InScope(async (scope, database) =>
            {
                await scope.PublishCancelled(Guid.CreateVersion7(), 1);
                await database.SaveChangesAsync(Token);
            });
        }
    }

    private async Task InsertAsync(string tenant, Guid id)
    {
        await using var database = NpgsqlDataSource.Create(fixture.Database.Migrations);
        var row = new OutboxRow
        {
            MessageId = id,
            Exchange = "work.elsewhere",
            RoutingKey = string.Empty,
            ContentType = "application/json",
            Headers = new Dictionary<string, string>(),
            Body = "{}"u8.ToArray(),
            Tenant = tenant,
            IsSurplus = true,
        };
        await new OutboxStore(database, ShopContracts.Catalogue).InsertAsync([row], TimeSpan.FromSeconds(8), Token);
    }

    private static async Task FillAsync(IChannel channel, string queue, string[] tenants, int times)
    {
        foreach (var tenant in Enumerable.Repeat(tenants, times).SelectMany(t => t))
        {
            var id = Guid.CreateVersion7();
            await SendAsync(channel, queue, tenant, id, new DoWork(id, 1), id);
        }
    }

    private static async Task SendAsync(IChannel channel, string queue, string tenant, Guid id, object message, Guid transportId)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(
            new
            {
                messageId = id,
                messageType = new[] { MessageUrn.ForTypeString<DoWork>() },
                message,
                sentTime = TimeProvider.System.GetUtcNow(),
                headers = new Dictionary<string, string> { [CloudEventHeaders.TenantId] = tenant },
            },
            JsonSerializerOptions.Web);
        var properties = new BasicProperties
        {
            ContentType = "application/vnd.masstransit+json", MessageId = transportId.ToString(), UserId = TestVhost.Account, Persistent = true,
        };
        await channel.BasicPublishAsync(string.Empty, queue, mandatory: false, properties, body, Token);
    }

    /// <summary>What came in to a queue, what was done, and what the tenant that floods it has to wait for.</summary>
    private sealed class Gate
    {
        private static readonly ConcurrentDictionary<string, Gate> Gates = new();
        private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _entered;

        public ConcurrentQueue<string> Done { get; } = new();

        public int Entered => Volatile.Read(ref _entered);

        public bool HotBeforeOthers { get; private set; }

        public static Gate Of(string queue) => Gates.GetOrAdd(queue, _ => new Gate());

        public void Open() => _open.TrySetResult();

        public async Task PassAsync(string tenant, CancellationToken ct)
        {
            Interlocked.Increment(ref _entered);
            if (tenant == "hot")
            {
                await _open.Task.WaitAsync(ct);
                HotBeforeOthers |= Done.Count(d => d != "hot") < Others.Length * 5;
            }
        }
    }

    private sealed class Gated(WorkDatabase database) : IConsumer<DoWork>
    {
        public async Task Consume(ConsumeContext<DoWork> context)
        {
            var queue = context.ReceiveContext.InputAddress.Segments[^1];
            var tenant = OperationContext.Current.TenantId!;
            await Gate.Of(queue).PassAsync(tenant, context.CancellationToken);
            database.Add(new Effect { Subject = context.Message.Subject, Note = queue });
            Gate.Of(queue).Done.Enqueue(tenant);
        }
    }
}
