using Chassis.Messaging.Model;
using Chassis.Messaging.Wire;
using Contracts.Events;
using MassTransit;
using MassTransit.Transports;
using Microsoft.Extensions.Options;

namespace Chassis.Messaging.Consuming;

/// <summary>
/// Lets a message through when it comes from whoever may say it: an event from its owner, a command from the services that the contracts name, anything else
/// from this service itself. ADR: docs/adr/0026-the-bus-believes-owners-only.md.
/// </summary>
internal sealed class SenderFilter(
    Accounts accounts, EventCatalogue catalogue, ServiceIdentity service, MessagingMetrics metrics, IOptions<MessagingOptions> options)
    : IFilter<ConsumeContext>
{
    private readonly Dictionary<string, IReadOnlyList<string>> _sendersOfCommands =
        catalogue.Senders.ToDictionary(c => MessageUrn.ForTypeString(c.Key), c => c.Value, StringComparer.OrdinalIgnoreCase);

    public Task Send(ConsumeContext context, IPipe<ConsumeContext> next)
    {
        if (context.SerializerContext is not IncomingMessage message)
        {
            throw new ForgedMessageException("Nobody knows whose word the message is.");
        }

        var sender = accounts.SenderOf(context.ReceiveContext);
        if (!SaidBy(message).All(services => services.Any(name => accounts.Of(name) == sender)))
        {
            // What an earlier version has left: nobody signed it, or this service has put it back without a word about who did.
            if (!options.Value.TrustUnsigned || (sender is not null && sender != accounts.Own))
            {
                throw new ForgedMessageException(sender is null
                    ? $"Nobody has signed {message.WireType}."
                    : $"{message.WireType} is not for the account '{sender}' to say.");
            }

            metrics.Unsigned(context.ReceiveContext.InputAddress.GetEndpointName()!);
        }

        return next.Send(context);
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("sender");

    /// <summary>For everything that the message says it is, the services of which one has to have said it.</summary>
    private IEnumerable<IReadOnlyList<string>> SaidBy(IncomingMessage message) => message is IncomingEvent { Owner: var owner }
        ? [owner is null ? [] : [owner]]
        : message.SupportedMessageTypes.Select(type => _sendersOfCommands.GetValueOrDefault(type) ?? [service.Name]);
}
