using System.Buffers;
using System.Data;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Chassis;
using Chassis.Data;
using Chassis.Messaging;
using Chassis.Messaging.Fairness;
using Chassis.Messaging.Model;
using Chassis.Messaging.Relay;
using Chassis.Messaging.Sagas;
using Chassis.Messaging.UnitOfWork;
using Chassis.Messaging.Wire;
using Chassis.Web;
using Contracts.Events;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using Shop.Contracts;

namespace Messaging.Bench;

/// <summary>
/// Ours without MassTransit's pipeline: receive endpoints on RabbitMQ.Client, a saga that is a method, and a publisher that writes the row itself. Inbox,
/// outbox, relay, local delivery, saga storage, scope, envelope and the check of the sender are the product's. The distance to ours is MassTransit's share.
/// ADR: docs/adr/0036-masstransit-after-2026.md.
/// </summary>
/// <remarks>
/// The bus is there, as in ours, and has no endpoint. What a failure takes (retries, redelivery, dead letters) is not here: it goes back to the queue.
/// </remarks>
internal sealed class OwnPipeline : HostVariant
{
    public override async Task TransactAsync(int number)
    {
        await using var scope = Host.Services.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<BenchDatabase>();
        database.Add(new Item { Id = Guid.CreateVersion7(), Number = number, Note = "transaction" });
        OutboxBuffer.Of(database).Add(OwnMessages.Event(new Done(Guid.CreateVersion7(), number), conversation: null));
        await database.SaveChangesAsync();
    }

    protected override void Configure(HostApplicationBuilder builder, Stage stage)
    {
        builder.AddDatabase<BenchDatabase>();
        builder.AddMessaging<BenchDatabase>(ShopContracts.Catalogue);
        builder.Services.AddScoped(provider => new SagaStore<Trip>(provider.GetRequiredService<BenchDatabase>(), ConcurrencyMode.Pessimistic));
        builder.Services.AddSingleton<OwnEndpoints>();
        builder.Services.AddSingleton<ILocalEndpoints>(provider => provider.GetRequiredService<OwnEndpoints>());
        builder.Services.AddHostedService(provider => provider.GetRequiredService<OwnEndpoints>());
    }
}

/// <summary>What a consumer is given: its unit of work, and what it sends with it.</summary>
internal sealed class OwnContext(IServiceProvider scope, BenchDatabase database, IncomingCommand consumed, CancellationToken ct)
{
    public BenchDatabase Database { get; } = database;

    public IServiceProvider Scope { get; } = scope;

    public CancellationToken CancellationToken { get; } = ct;

    public void Publish(Done message) => OutboxBuffer.Of(Database).Add(OwnMessages.Event(message, consumed.ConversationId));

    public void Send<T>(string queue, T message)
        where T : class => OutboxBuffer.Of(Database).Add(OwnMessages.Command(queue, message, consumed.ConversationId));
}

/// <summary>Rows as <see cref="MessageFormatter"/> makes them, without the context that it reads.</summary>
internal static class OwnMessages
{
    // Not in the catalogue: published, and yet an envelope, as in ours.
    public static OutboxRow Event(Done message, Guid? conversation) => Row(Names.DoneExchange, message, conversation, mandatory: false);

    public static OutboxRow Command<T>(string queue, T message, Guid? conversation)
        where T : class => Row(queue, message, conversation, mandatory: true);

    private static OutboxRow Row<T>(string exchange, T message, Guid? conversation, bool mandatory)
        where T : class
    {
        var id = Guid.CreateVersion7();
        return new OutboxRow
        {
            MessageId = id,
            Exchange = exchange,
            RoutingKey = string.Empty,
            ContentType = MessageKeys.CommandContentType,
            Headers = new Dictionary<string, string>(),
            Body = Envelope(id, message, conversation),
            Mandatory = mandatory,
            Since = DateTimeOffset.UtcNow,
        };
    }

    private static byte[] Envelope<T>(Guid id, T message, Guid? conversation)
        where T : class
    {
        var operation = OperationContext.Current;
        var buffer = new ArrayBufferWriter<byte>(512);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        json.WriteString("messageId", id);
        json.WriteString("conversationId", conversation ?? Guid.CreateVersion7());
        json.WriteStartArray("messageType");
        json.WriteStringValue(MessageUrn.ForTypeString<T>());
        json.WriteEndArray();
        json.WritePropertyName("message");
        JsonSerializer.Serialize(json, message, MessageFormatter.OptionsFor(typeof(T)));
        json.WriteString("sentTime", DateTime.UtcNow);
        json.WriteStartObject("headers");
        Write(CloudEventHeaders.CorrelationId, operation.CorrelationId);
        Write(CloudEventHeaders.CausationId, operation.CausationId);
        Write(CloudEventHeaders.TenantId, operation.TenantId);
        Write(MessageKeys.UserId, operation.UserId);
        Write(CloudEventHeaders.TraceParent, Activity.Current is { IdFormat: ActivityIdFormat.W3C } activity ? activity.Id : null);
        json.WriteEndObject();
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenSpan.ToArray();

        void Write(string name, string? value)
        {
            if (value is not null)
            {
                json.WriteString(name, value);
            }
        }
    }
}

/// <summary>The service's queues, and who takes what there.</summary>
internal sealed class OwnEndpoints : IHostedService, ILocalEndpoints
{
    private readonly Dictionary<string, OwnEndpoint> _queues = [];
    private readonly BrokerConnection _broker;
    private IConnection? _connection;

    public OwnEndpoints(BrokerConnection broker, IServiceProvider provider)
    {
        _broker = broker;
        OwnEndpoint Queue(string name) => _queues[name] = ActivatorUtilities.CreateInstance<OwnEndpoint>(provider, name);
        Queue(Names.Work).Take<Work>(WorkAsync);
        Queue(Names.Steps).Take<DoStep>(StepAsync);
        Queue(Names.Trips).Take<StartTrip>(StartTripAsync).Take<StepDone>(TravelAsync);
    }

    public ILocalEndpoint? Find(string queue) => _queues.GetValueOrDefault(queue);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _connection = await _broker.OpenAsync("own endpoints", cancellationToken);
        foreach (var queue in _queues.Values)
        {
            await queue.ReadAsync(await _connection.CreateChannelAsync(cancellationToken: cancellationToken), cancellationToken);
        }
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        foreach (var queue in _queues.Values)
        {
            await queue.StopAsync();
        }

        if (_connection is not null)
        {
            await _connection.DisposeAsync();
        }
    }

    private static Task WorkAsync(OwnContext context, Work work)
    {
        context.Database.Add(new Item { Id = Guid.CreateVersion7(), Number = work.Number, Note = "work" });
        context.Publish(new Done(work.Id, work.Number));
        return context.Database.SaveChangesAsync(context.CancellationToken);
    }

    private static Task StepAsync(OwnContext context, DoStep step)
    {
        context.Send(Names.Trips, new StepDone(step.TripId, step.Step));
        return Task.CompletedTask;
    }

    private static async Task StartTripAsync(OwnContext context, StartTrip start)
    {
        if (await FindAsync(context, start.TripId) is not null)
        {
            throw new InvalidOperationException("The trip has begun.");
        }

        context.Database.Add(new Trip { CorrelationId = start.TripId, CurrentState = "Travelling" });
        context.Send(Names.Steps, new DoStep(start.TripId, 1));
    }

    private static async Task TravelAsync(OwnContext context, StepDone done)
    {
        if (await FindAsync(context, done.TripId) is not { CurrentState: "Travelling" } trip)
        {
            throw new InvalidOperationException("The trip has not begun, or is over.");
        }

        trip.Step = done.Step;
        if (done.Step < 3)
        {
            context.Send(Names.Steps, new DoStep(done.TripId, done.Step + 1));
            return;
        }

        trip.CurrentState = "Arrived";
        context.Publish(new Done(done.TripId, 3));
    }

    private static Task<Trip?> FindAsync(OwnContext context, Guid id) =>
        context.Scope.GetRequiredService<SagaStore<Trip>>().LoadAsync(id, context.CancellationToken);
}

/// <summary>One queue: eight at a time, in a transaction with the inbox row, acknowledged after the commit.</summary>
internal sealed partial class OwnEndpoint(
    string queue,
    IServiceProvider provider,
    Accounts accounts,
    ServiceIdentity service,
    EventCatalogue catalogue,
    MessagingMetrics metrics,
    ILogger<OwnEndpoint> logger) : ILocalEndpoint
{
    private const int Concurrency = 8;
    private const string InsertSql = "INSERT INTO messaging.inbox (message_id, consumer_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    private const string ConsumeSql = "DELETE FROM messaging.outbox WHERE id = $1 AND message_id = $2";

    private const string ConsumeSharedSql =
        """
        WITH consumed AS (DELETE FROM messaging.outbox WHERE id = $1 AND message_id = $2 RETURNING 1)
        INSERT INTO messaging.inbox (message_id, consumer_id) SELECT $3, $4 FROM consumed ON CONFLICT DO NOTHING
        """;

    private readonly Guid _consumer = MessageKeys.Derive(queue);
    private readonly Dictionary<string, Func<OwnContext, IncomingCommand, Task>> _takers = new(StringComparer.OrdinalIgnoreCase);
    private readonly Channel<BasicDeliverEventArgs> _deliveries = Channel.CreateUnbounded<BasicDeliverEventArgs>();
    private readonly Dictionary<string, IReadOnlyList<string>> _sendersOfCommands =
        catalogue.Senders.ToDictionary(c => MessageUrn.ForTypeString(c.Key), c => c.Value, StringComparer.OrdinalIgnoreCase);

    private Task[] _workers = [];
    private Func<Task> _end = () => Task.CompletedTask;

    public FairRoom Room { get; } = new(Concurrency);

    public OwnEndpoint Take<T>(Func<OwnContext, T, Task> consume)
        where T : class
    {
        _takers[MessageUrn.ForTypeString<T>()] = (context, incoming) =>
            incoming.TryGetMessage<T>(out var message) ? consume(context, message!) : throw new InvalidMessageException("The message is empty.");
        return this;
    }

    public async Task ReadAsync(IChannel channel, CancellationToken ct)
    {
        await Stage.DeclareEndpointAsync(channel, queue);
        await channel.BasicQosAsync(0, 32, false, ct);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, delivery) =>
        {
            // The client's buffer is its own again when this returns.
            _deliveries.Writer.TryWrite(new BasicDeliverEventArgs(
                delivery.ConsumerTag,
                delivery.DeliveryTag,
                delivery.Redelivered,
                delivery.Exchange,
                delivery.RoutingKey,
                delivery.BasicProperties,
                delivery.Body.ToArray()));
            return Task.CompletedTask;
        };
        _workers = [.. Enumerable.Range(0, Concurrency).Select(_ => Task.Run(() => WorkAsync(channel), CancellationToken.None))];
        var tag = await channel.BasicConsumeAsync(queue, autoAck: false, consumer, ct);
        _end = () => channel.BasicCancelAsync(tag);
    }

    public async Task StopAsync()
    {
        await _end();
        _deliveries.Writer.TryComplete();
        await Task.WhenAll(_workers);
    }

    public Task ConsumeAsync(LocalMessage message) => HandleAsync(message.Row.Body, message.Row.Headers, accounts.Own, message);

    private async Task WorkAsync(IChannel channel)
    {
        await foreach (var delivery in _deliveries.Reader.ReadAllAsync())
        {
            try
            {
                var properties = delivery.BasicProperties;
                var headers = properties.Headers?.ToDictionary(
                    h => h.Key, h => h.Value is byte[] text ? Encoding.UTF8.GetString(text) : Convert.ToString(h.Value, CultureInfo.InvariantCulture) ?? "") ?? [];
                await HandleAsync(delivery.Body.ToArray(), headers, accounts.SenderOf(properties), local: null);
                await channel.BasicAckAsync(delivery.DeliveryTag, multiple: false);
            }
            catch (Exception e)
            {
                LogFailed(queue, e);
                await channel.BasicNackAsync(delivery.DeliveryTag, multiple: false, requeue: true);
            }
        }
    }

    private async Task HandleAsync(byte[] body, IReadOnlyDictionary<string, string> headers, string? sender, LocalMessage? local)
    {
        var envelope = JsonSerializer.Deserialize(body, EnvelopeJson.Default.Envelope) ?? throw new InvalidMessageException("There is no envelope.");
        var message = new IncomingCommand(envelope, body, new Dictionary<string, string>(headers));
        var id = message.MessageId ?? throw new InvalidMessageException("The message has no id.");
        var saidBy = message.SupportedMessageTypes.Select(type => _sendersOfCommands.GetValueOrDefault(type) ?? [service.Name]);
        if (!saidBy.All(services => services.Any(name => accounts.Of(name) == sender)))
        {
            throw new ForgedMessageException($"{message.WireType} is not for the account '{sender}' to say.");
        }

        using var activity = ActivityContext.TryParse(message.Headers.Get<string>(CloudEventHeaders.TraceParent), null, isRemote: true, out var parent)
            ? MessagingTelemetry.Source.StartActivity($"{queue} process", ActivityKind.Consumer, parent)
            : null;
        using var operation = OperationContext.Begin(new OperationContext(
            message.Headers.Get<string>(CloudEventHeaders.CorrelationId) ?? activity?.TraceId.ToHexString() ?? ActivityTraceId.CreateRandom().ToHexString(),
            id.ToString(),
            message.Headers.Get<string>(MessageKeys.UserId),
            message.Headers.Get<string>(CloudEventHeaders.TenantId)));
        await using var scope = provider.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<BenchDatabase>();
        await using var transaction = await database.Database.BeginTransactionAsync(IsolationLevel.ReadCommitted);
        if (local is null && await ExecuteAsync(transaction, InsertSql, id, _consumer) == 0)
        {
            metrics.Duplicate(queue);
            return;
        }

        var context = new OwnContext(scope.ServiceProvider, database, message, CancellationToken.None);
        await _takers[message.WireType](context, message);
        if (database.ChangeTracker.HasChanges())
        {
            await database.SaveChangesAsync();
        }

        if (local is not null && await ConsumeAsync(transaction, local, id) == 0)
        {
            metrics.Duplicate(queue);
            return;
        }

        // The outbox rows are written by the interceptor, together with the commit.
        await transaction.CommitAsync();
        metrics.Consumed(queue);
        if (local is not null)
        {
            local.IsGone = true;
        }
    }

    private Task<int> ConsumeAsync(IDbContextTransaction transaction, LocalMessage local, Guid id) =>
        local.IsShared
            ? ExecuteAsync(transaction, ConsumeSharedSql, local.Row.Id, local.Row.MessageId, id, _consumer)
            : ExecuteAsync(transaction, ConsumeSql, local.Row.Id, local.Row.MessageId);

    private static Task<int> ExecuteAsync(IDbContextTransaction transaction, string sql, params object?[] values) =>
        ((NpgsqlTransaction)transaction.GetDbTransaction()).Connection!.ExecuteAsync(sql, CancellationToken.None, values);

    [LoggerMessage(1, LogLevel.Warning, "A message goes back to {Queue}.")]
    private partial void LogFailed(string queue, Exception exception);
}
