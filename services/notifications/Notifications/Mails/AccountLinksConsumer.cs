using Chassis;
using Chassis.Messaging;
using MassTransit;
using Shop.Contracts.Users.V1;

namespace Notifications.Mails;

/// <summary>
/// Mails with a link that lets somebody in, which the users service asks for: no event tells of them, or everybody who hears events could use the link. A
/// command that comes again makes no second mail.
/// </summary>
[OwnTransaction]
internal sealed class AccountLinksConsumer(GroupCommit<MailRequest> mails) : IConsumer<SendAccountLink>
{
    private const string EventType = "users.send-account-link";

    /// <exception cref="NonTransientException">Nobody here knows what such a link is for.</exception>
    public Task Consume(ConsumeContext<SendAccountLink> context)
    {
        var id = context.MessageId!.Value.ToString();
        var template = MailTemplate.OfLink(context.Message.Purpose)
            ?? throw new NonTransientException($"There is no mail for a link to {context.Message.Purpose}.");
        return mails.CommitAsync(
            new MailRequest(
                template,
                id,
                id,
                EventType,
                context.Message,
                context.Message.UserId,
                Recipient: context.Message.Email,
                TenantId: OperationContext.Current.TenantId),
            context.CancellationToken);
    }
}
