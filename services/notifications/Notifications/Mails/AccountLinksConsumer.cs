using Chassis.Web;
using MassTransit;
using Shop.Contracts.Users.V1;

namespace Notifications.Mails;

/// <summary>Mails with a link that lets somebody in, which the users service asks for: no event tells of them, or everybody who hears events could use the link.</summary>
public sealed class AccountLinksConsumer(MailOutbox mails) : IConsumer<SendPasswordResetLink>
{
    private const string EventType = "users.send-password-reset-link";

    public Task Consume(ConsumeContext<SendPasswordResetLink> context)
    {
        var id = context.MessageId!.Value.ToString();
        return mails.Enqueue(
            new MailRequest(MailTemplate.PasswordReset, id, id, EventType, context.Message, context.Message.UserId, Recipient: context.Message.Email, TenantId: OperationContext.Current.TenantId),
            context.CancellationToken);
    }
}
