using System.Globalization;
using Chassis.Messaging.Model;
using Chassis.Messaging.Wire;
using Contracts.Events;
using MassTransit;
using MassTransit.Transports;

namespace Chassis.Messaging.UnitOfWork;

/// <summary>A received message as a row for the queue that it came from: the same bytes, id and headers, and who had sent it first.</summary>
internal static class PutBack
{
    /// <param name="context">The message.</param>
    /// <param name="accounts">Tells who sent it.</param>
    /// <param name="due">When it comes again; null for a message that waits for room, and not for a time.</param>
    /// <param name="redeliveries">How often it was put back because it had failed.</param>
    public static OutboxRow RowOf(ConsumeContext context, Accounts accounts, DateTimeOffset? due, int redeliveries)
    {
        var receive = context.ReceiveContext;
        var headers = TransportHeaders.Of(receive);
        if (redeliveries > 0)
        {
            headers[MessageKeys.Redeliveries] = redeliveries.ToString(CultureInfo.InvariantCulture);
        }

        headers[MessageKeys.SentBy] = accounts.SenderOf(receive) ?? string.Empty;
        return new OutboxRow
        {
            MessageId = receive.GetMessageId() ?? context.MessageId ?? Guid.CreateVersion7(),
            Exchange = receive.InputAddress.GetEndpointName()!,
            RoutingKey = string.Empty,
            ContentType = receive.ContentType?.ToString() ?? MessageKeys.CommandContentType,
            Headers = headers,
            Body = receive.GetBody(),
            Mandatory = true,
            DueAt = due,
            Since = due ?? default,
            Tenant = context.Headers.Get<string>(CloudEventHeaders.TenantId),
        };
    }
}
