using Chassis.Messaging;
using Contracts.Events;
using MassTransit;

namespace Notifications.Webhooks;

/// <summary>
/// Takes boundary events as they came, also those that this version of the contracts does not know: those that somebody has asked for
/// (<see cref="WebhookBindings"/>). One of each per event and webhook is what the keys of the tables see to; an inbox would only cost a commit for each event
/// that is wanted by nobody any more.
/// </summary>
[OwnTransaction]
internal sealed class WebhooksConsumer(WebhookFanOut fanOut) : IConsumer<RawBoundaryEvent>
{
    public Task Consume(ConsumeContext<RawBoundaryEvent> context)
    {
        var attributes = context.Message.Attributes;
        var refusal = CloudEventEnvelope.TryRead(name => attributes.GetValueOrDefault(name[CloudEventHeaders.Prefix.Length..]), out var envelope);
        return refusal is null
            ? fanOut.AcceptAsync(envelope!, context.Message.Body, context.CancellationToken)
            : throw new InvalidOperationException($"Not a CloudEvent: {refusal}.");
    }
}
