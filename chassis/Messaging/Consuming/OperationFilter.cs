using System.Diagnostics;
using Chassis.Messaging.Model;
using Chassis.Messaging.Wire;
using Contracts.Events;
using MassTransit;
using MassTransit.Transports;

namespace Chassis.Messaging.Consuming;

/// <summary>Goes on with the sender's trace and correlation while a message is handled.</summary>
internal sealed class OperationFilter(MessagingMetrics metrics) : IFilter<ConsumeContext>
{
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

        using var activity = Start(queue, headers.Get<string>(CloudEventHeaders.TraceParent));
        if (activity is { IsAllDataRequested: true })
        {
            activity.SetTag("messaging.system", "rabbitmq");
            activity.SetTag("messaging.operation.type", "process");
            activity.SetTag("messaging.destination.name", queue);
            activity.SetTag("messaging.message.id", context.MessageId?.ToString());
            activity.SetTag("messaging.message.type", type);
        }

        var operation = new OperationContext(
            headers.Get<string>(CloudEventHeaders.CorrelationId) ?? activity?.TraceId.ToHexString() ?? ActivityTraceId.CreateRandom().ToHexString(),
            context.MessageId?.ToString(),
            headers.Get<string>(MessageKeys.UserId),
            headers.Get<string>(CloudEventHeaders.TenantId));
        using var current = OperationContext.Begin(operation);
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
            activity?.SetStatus(ActivityStatusCode.Error, e.GetType().Name);
            throw;
        }
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("operation");

    private static Activity? Start(string queue, string? traceParent)
    {
        // Not the transport's own thread context: the parent is whoever sent the message.
        Activity.Current = null;
        ActivityContext.TryParse(traceParent, null, isRemote: true, out var parent);
        var activity = MessagingTelemetry.Source.StartActivity($"{queue} process", ActivityKind.Consumer, parent);
        if (activity is null && traceParent is not null)
        {
            // Nobody listens here; whoever comes next may, and the trace must not end.
            activity = new Activity("process").SetParentId(traceParent).Start();
        }

        return activity;
    }
}
