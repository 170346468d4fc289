using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Net.Mime;
using System.Text.Json;
using Chassis.Messaging.Model;
using Contracts.Events;
using MassTransit;
using MassTransit.Context;
using MassTransit.Serialization;

namespace Chassis.Messaging.Wire;

/// <summary>
/// Turns what somebody sends into what goes over the wire. A boundary event is plain JSON with CloudEvents attributes as headers;
/// everything else is a MassTransit envelope without a word about the host that sent it.
/// </summary>
internal sealed class MessageFormatter(EventCatalogue catalogue, ServiceIdentity service, EntityNames names, Accounts accounts, TimeProvider clock)
{
    private readonly string _source = catalogue.SourceOf(service.Name);

    private static string? TraceParent => Activity.Current is { IdFormat: ActivityIdFormat.W3C } activity ? activity.Id : null;

    /// <summary>The row for a message; the bytes are final.</summary>
    public OutboxRow Format<T>(SendContext<T> context)
        where T : class
    {
        var options = context.TryGetPayload<DispatchOptions>(out var given) ? given : DispatchOptions.None;
        var exchange = Destination.ExchangeOf(context.DestinationAddress);
        // The message enters the outbox here: whoever consumes it hangs on this span.
        using var span = MessagingTelemetry.Source.HasListeners()
            ? MessagingTelemetry.Source.StartActivity($"{MessagingTelemetry.Create} {exchange}", ActivityKind.Producer)
            : null;
        // What is published may find nobody; what is sent must arrive.
        var published = exchange == names.Format(typeof(T));
        var delay = (context as TransportSendContext)?.Delay;
        var due = options.DueAt ?? (delay > TimeSpan.Zero ? clock.GetUtcNow() + delay : null);
        var descriptor = catalogue.Find(typeof(T));
        if (span is { IsAllDataRequested: true })
        {
            MessagingTelemetry.Describe(
                span, MessagingTelemetry.Outbox, MessagingTelemetry.Create, exchange, context.MessageId?.ToString(), OperationContext.Current.CorrelationId);
            span.SetTag(descriptor is null ? MessagingTelemetry.MessageType : "cloudevents.event_type", descriptor?.Type ?? context.SupportedMessageTypes[0]);
        }

        if (descriptor is null)
        {
            return new OutboxRow
            {
                MessageId = context.MessageId ?? Ids.New(clock),
                Key = options.Key ?? context.CorrelationId?.ToString(),
                Exchange = exchange,
                RoutingKey = (context as RoutingKeySendContext)?.RoutingKey ?? string.Empty,
                ContentType = MessageKeys.CommandContentType,
                Headers = CommandHeaders(context),
                Body = WriteEnvelope(context, due),
                Mandatory = !published,
                DueAt = due,
                Token = options.Token ?? context.ScheduledMessageId,
                Since = due ?? clock.GetUtcNow(),
                TraceParent = TraceParent,
                Tenant = OperationContext.Current.TenantId,
            };
        }

        var headers = EventHeaders(context, descriptor);
        return new OutboxRow
        {
            MessageId = context.MessageId ?? Ids.New(clock),
            Key = options.Key ?? headers[CloudEventHeaders.Subject],
            Exchange = exchange,
            RoutingKey = descriptor.Type,
            ContentType = MessageKeys.EventContentType,
            Headers = headers,
            Body = JsonSerializer.SerializeToUtf8Bytes(context.Message, ContractJson.Options),
            Mandatory = !published,
            DueAt = due,
            Token = options.Token ?? context.ScheduledMessageId,
            Since = due ?? clock.GetUtcNow(),
            TraceParent = TraceParent,
            Archive = published ? new ArchivedEvent(descriptor.Type, headers[CloudEventHeaders.Subject], clock.GetUtcNow()) : null,
        };
    }

    private Dictionary<string, string> EventHeaders<T>(SendContext<T> context, BoundaryEventDescriptor descriptor)
        where T : class
    {
        var operation = OperationContext.Current;
        var headers = new Dictionary<string, string>(12)
        {
            [CloudEventHeaders.SpecVersion] = CloudEventEnvelope.SpecVersion,
            [CloudEventHeaders.Id] = (context.MessageId ?? Guid.Empty).ToString(),
            [CloudEventHeaders.Source] = _source,
            [CloudEventHeaders.Type] = descriptor.Type,
            [CloudEventHeaders.Time] = clock.GetUtcNow().UtcDateTime.ToString("O", CultureInfo.InvariantCulture),
            [CloudEventHeaders.Subject] = descriptor.SubjectOf(context.Message),
            [CloudEventHeaders.DataSchema] = descriptor.DataSchema,
            [CloudEventHeaders.CorrelationId] = operation.CorrelationId,
        };
        if (operation.CausationId is { } causation)
        {
            headers[CloudEventHeaders.CausationId] = causation;
        }

        if (operation.TenantId is { } tenant)
        {
            headers[CloudEventHeaders.TenantId] = tenant;
        }

        if (TraceParent is { } trace)
        {
            headers[CloudEventHeaders.TraceParent] = trace;
        }

        if (context.TryGetPayload<DispatchOptions>(out var options) && options.Sequence is { } sequence)
        {
            headers[CloudEventHeaders.Sequence] = sequence.ToString(CultureInfo.InvariantCulture);
        }

        // What the sender set wins over what is known here.
        foreach (var (name, value) in context.Headers.GetAll())
        {
            if (IsInherited(context, name, value))
            {
                continue;
            }

            if (name.StartsWith(CloudEventHeaders.Prefix, StringComparison.Ordinal))
            {
                headers[name] = Text(value);
            }
        }

        AddPutBack(context, headers);
        return headers;
    }

    private Dictionary<string, string> CommandHeaders(SendContext context)
    {
        var headers = new Dictionary<string, string>();
        AddPutBack(context, headers);
        return headers;
    }

    /// <summary>Of the consumed message that is put back for later: how often that was, and whose word it is.</summary>
    private void AddPutBack(SendContext context, Dictionary<string, string> headers)
    {
        if (context.Headers.TryGetHeader(MessageHeaders.RedeliveryCount, out var count) && context.TryGetPayload<ConsumeContext>(out var consumed))
        {
            headers[MessageKeys.Redeliveries] = Text(count);
            headers[MessageKeys.SentBy] = accounts.SenderOf(consumed.ReceiveContext) ?? string.Empty;
        }
    }

    /// <summary>The envelope as MassTransit's JSON serializer reads it.</summary>
    /// <param name="context">The message.</param>
    /// <param name="due">When it leaves, where that is later: the time that it has to live begins then.</param>
    public static byte[] WriteEnvelope<T>(SendContext<T> context, DateTimeOffset? due = null)
        where T : class
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        WriteId(json, "messageId", context.MessageId);
        WriteId(json, "requestId", context.RequestId);
        WriteId(json, "correlationId", context.CorrelationId);
        WriteId(json, "conversationId", context.ConversationId);
        WriteId(json, "initiatorId", context.InitiatorId);
        WriteAddress(json, "responseAddress", context.ResponseAddress);
        WriteAddress(json, "faultAddress", context.FaultAddress);
        json.WriteStartArray("messageType");
        foreach (var type in context.SupportedMessageTypes)
        {
            json.WriteStringValue(type);
        }

        json.WriteEndArray();
        json.WritePropertyName("message");
        JsonSerializer.Serialize(json, context.Message, OptionsFor(typeof(T)));
        json.WriteString("sentTime", context.SentTime ?? DateTime.UtcNow);
        if (context.TimeToLive is { } timeToLive)
        {
            json.WriteString("expirationTime", (due?.UtcDateTime ?? DateTime.UtcNow) + timeToLive);
        }

        json.WriteStartObject("headers");
        WriteHeaders(json, context);
        json.WriteEndObject();
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteHeaders(Utf8JsonWriter json, SendContext context)
    {
        var operation = OperationContext.Current;
        var given = context.Headers.GetAll().Where(h => !IsInherited(context, h.Key, h.Value)).ToDictionary(h => h.Key, h => h.Value);
        WriteHeader(json, given, CloudEventHeaders.CorrelationId, operation.CorrelationId);
        WriteHeader(json, given, CloudEventHeaders.CausationId, operation.CausationId);
        WriteHeader(json, given, CloudEventHeaders.TenantId, operation.TenantId);
        WriteHeader(json, given, MessageKeys.UserId, operation.UserId);
        WriteHeader(json, given, CloudEventHeaders.TraceParent, TraceParent);
        foreach (var (name, value) in given)
        {
            if (value is null || name.StartsWith("MT-Host-", StringComparison.Ordinal))
            {
                continue;
            }

            json.WritePropertyName(name);
            JsonSerializer.Serialize(json, value, value.GetType(), SystemTextJsonMessageSerializer.Options);
        }
    }

    private static void WriteHeader(Utf8JsonWriter json, Dictionary<string, object> given, string name, string? value)
    {
        if (value is not null && !given.ContainsKey(name))
        {
            json.WriteString(name, value);
        }
    }

    /// <summary>
    /// MassTransit hands the headers of the consumed message on to everything that its consumer sends. What CloudEvents attributes say there, they say of that
    /// message: its type, id and sequence must not become those of another.
    /// </summary>
    private static bool IsInherited(SendContext context, string name, object? value) =>
        name.StartsWith(CloudEventHeaders.Prefix, StringComparison.Ordinal)
        && context.TryGetPayload<ConsumeContext>(out var consumed)
        && consumed.Headers.TryGetHeader(name, out var before)
        && Equals(before, value);

    /// <summary>Contracts are strict; a message that is an interface needs MassTransit's own converters.</summary>
    public static JsonSerializerOptions OptionsFor(Type type) =>
        type.IsInterface || type.IsAbstract || type.Namespace?.StartsWith("MassTransit", StringComparison.Ordinal) == true
            ? SystemTextJsonMessageSerializer.Options
            : ContractJson.Options;

    private static void WriteId(Utf8JsonWriter json, string name, Guid? id)
    {
        if (id is { } value)
        {
            json.WriteString(name, value);
        }
    }

    private static void WriteAddress(Utf8JsonWriter json, string name, Uri? address)
    {
        if (address is not null)
        {
            json.WriteString(name, address.ToString());
        }
    }

    private static string Text(object value) => value switch
    {
        string text => text,
        IFormattable formattable => formattable.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? string.Empty,
    };
}

/// <summary>What a sender may ask for beside the message; travels as a payload of the send context.</summary>
internal sealed record DispatchOptions(string? Key = null, DateTimeOffset? DueAt = null, Guid? Token = null, long? Sequence = null)
{
    public static readonly DispatchOptions None = new();
}

/// <summary>The serializer that MassTransit asks for messages that do not go through an outbox, such as answers to a request client.</summary>
internal sealed class EnvelopeSerializer : IMessageSerializer
{
    public ContentType ContentType { get; } = new(MessageKeys.CommandContentType);

    public MessageBody GetMessageBody<T>(SendContext<T> context)
        where T : class => new BytesMessageBody(MessageFormatter.WriteEnvelope(context));
}
