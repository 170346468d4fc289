using Chassis.Messaging;
using MassTransit;
using Shop.Contracts;

namespace Notifications.Webhooks;

/// <summary>
/// Takes every boundary event as it came, also those that this version of the contracts does not know. One of each per event and webhook is what the
/// keys of the tables see to; an inbox would only cost a commit for each of the many events that nobody wants.
/// </summary>
[OwnTransaction]
[SubscribeTo("shop.#")]
public sealed class WebhooksConsumer(WebhookFanOut fanOut) : IConsumer<RawBoundaryEvent>
{
    public Task Consume(ConsumeContext<RawBoundaryEvent> context)
    {
        var attributes = context.Message.Attributes;
        var refusal = CloudEventEnvelope.TryRead(name => attributes.GetValueOrDefault(name[CloudEventHeaders.Prefix.Length..]), out var envelope);
        return refusal is null
            ? fanOut.Accept(envelope!, context.Message.Body, context.CancellationToken)
            : throw new InvalidOperationException($"Not a CloudEvent: {refusal}.");
    }
}
