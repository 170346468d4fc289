using System.Diagnostics;
using Chassis.Messaging.Model;
using Chassis.Messaging.Wire;
using Contracts.Events;
using MassTransit;
using MassTransit.Transports;

namespace Chassis.Messaging.Consuming;

/// <summary>Goes on with the sender's trace and correlation while a message is handled.</summary>
internal sealed class OperationFilter(MessagingMetrics metrics, TimeProvider clock) : IFilter<ConsumeContext>
{
    /// <summary>
    /// What a timer brings back after this time has a trace of its own: whoever keeps traces has by then decided whether to keep the one before.
    /// </summary>
    internal static readonly TimeSpan Long = TimeSpan.FromMinutes(1);

    public async Task Send(ConsumeContext context, IPipe<ConsumeContext> next)
    {
        var headers = context.Headers;
        var queue = context.ReceiveContext.InputAddress.GetEndpointName()!;
        var type = (context.SerializerContext as IncomingMessage)?.WireType ?? string.Empty;
        if (context.SerializerContext is IncomingEvent { IsDeprecated: true })
        {
            metrics.Deprecated(type, queue);
        }

        if (context.TryGetPayload<Delivery>(out var delivery))
        {
            delivery.Read(context.MessageId?.ToString(), type);
        }

        using var activity = MessagingTelemetry.Source.Continue(
            ActivityKind.Consumer, MessagingTelemetry.Process, queue, headers.Get<string>(CloudEventHeaders.TraceParent), IsApart(context));
        var operation = new OperationContext(
            headers.Get<string>(CloudEventHeaders.CorrelationId) ?? activity?.TraceId.ToHexString() ?? ActivityTraceId.CreateRandom().ToHexString(),
            context.MessageId?.ToString(),
            headers.Get<string>(MessageKeys.UserId),
            headers.Get<string>(CloudEventHeaders.TenantId));
        using var current = OperationContext.Begin(operation);
        if (activity is { IsAllDataRequested: true })
        {
            Describe(activity, context, queue, type);
        }

        var started = Stopwatch.GetTimestamp();
        try
        {
            await next.Send(context);
            metrics.Processed(queue, Stopwatch.GetElapsedTime(started), failure: null);
            context.Reach(Stage.Acknowledgement);
        }
        catch (Exception e)
        {
            metrics.Processed(queue, Stopwatch.GetElapsedTime(started), e);
            activity.Fail(e);
            throw;
        }
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("operation");

    private static void Describe(Activity activity, ConsumeContext context, string queue, string type)
    {
        MessagingTelemetry.Describe(
            activity,
            context.TryGetPayload<LocalMessage>(out _) ? MessagingTelemetry.Outbox : MessagingTelemetry.Broker,
            MessagingTelemetry.Process,
            queue,
            context.MessageId?.ToString(),
            OperationContext.Current.CorrelationId);
        if (context.SerializerContext is IncomingEvent)
        {
            activity.SetTag("cloudevents.event_type", type);
            activity.SetTag("cloudevents.event_id", context.Headers.Get<string>(CloudEventHeaders.Id));
            activity.SetTag("cloudevents.event_source", context.Headers.Get<string>(CloudEventHeaders.Source));
        }
        else
        {
            activity.SetTag(MessagingTelemetry.MessageType, type);
        }

        if (context.GetRedeliveryCount() is > 0 and var times)
        {
            activity.SetTag("messaging.message.redeliveries", times);
        }
    }

    /// <summary>
    /// Whether somebody else, or another time, is the reason that the message comes now: an operator who replays it or sends a dead letter again, a timer that
    /// was set long ago. What an outage has held up, and what is tried again, stays where it belongs.
    /// </summary>
    private bool IsApart(ConsumeContext context) =>
        context.IsReplay()
        || context.ReceiveContext.TransportHeaders.TryGetHeader(MessageKeys.Resent, out _)
        || (context.Headers.TryGetHeader(MessageHeaders.SchedulingTokenId, out _)
            && context.SentTime is { } sent
            && clock.GetUtcNow().UtcDateTime - sent > Long);
}
