using System.Text;
using Chassis.Messaging.Model;
using MassTransit;
using Microsoft.Extensions.Options;
using RabbitMQ.Client;

namespace Chassis.Messaging.Wire;

/// <summary>
/// The accounts of the services on the broker, and from which of them a message comes: the broker takes no message with another <c>user-id</c> than the account
/// that it is sent with. ADR: docs/adr/0026-the-bus-believes-owners-only.md.
/// </summary>
internal sealed class Accounts(IOptions<MessagingOptions> options, ServiceIdentity service)
{
    /// <summary>The account of this process.</summary>
    public string Own { get; } = options.Value.Account;

    /// <summary>The account of a service.</summary>
    public string Of(string name) => name == service.Name ? Own : options.Value.Accounts.GetValueOrDefault(name, name);

    /// <inheritdoc cref="SenderOf(IReadOnlyBasicProperties)"/>
    public string? SenderOf(ReceiveContext context) =>
        context.TryGetPayload<RabbitMqBasicConsumeContext>(out var rabbit) ? SenderOf(rabbit.Properties)
        : context.TryGetPayload<LocalMessage>(out var local) ? NameOf(local.Row.Headers.GetValueOrDefault(MessageKeys.SentBy, Own))
        : null;

    /// <summary>
    /// The account that the message comes from, or null when nobody has signed it. What this service has put back into its own queue, for later or from the
    /// dead letters, comes from whoever sent it first, which it has written down itself.
    /// </summary>
    public string? SenderOf(IReadOnlyBasicProperties properties)
    {
        var sender = properties.UserId == Own && properties.Headers?.TryGetValue(MessageKeys.SentBy, out var first) == true
            ? first as string ?? Encoding.UTF8.GetString(first as byte[] ?? [])
            : properties.UserId;
        return NameOf(sender);
    }

    private static string? NameOf(string? sender) => string.IsNullOrEmpty(sender) ? null : sender;
}
