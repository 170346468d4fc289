using Chassis;
using Chassis.Messaging;
using Contracts.Events;
using MassTransit;
using Microsoft.Extensions.Options;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Orders.V1;
using Shop.Contracts.Users.V1;

namespace Notifications.Mails;

/// <summary>
/// Which event leads to which mail. What can happen only once to an order or a user makes one mail, however often it is told; of anything else the event's id
/// makes one. So no inbox is needed, and mails are committed together with those that others have asked for in the same moment.
/// </summary>
[OwnTransaction]
internal sealed class MailsConsumer(GroupCommit<MailRequest> mails, IOptions<MailOptions> options) :
    IConsumer<UserRegistered>,
    IConsumer<UserEmailChanged>,
    IConsumer<UserSessionsEnded>,
    IConsumer<UserDeactivated>,
    IConsumer<OrderConfirmed>,
    IConsumer<OrderShipped>,
    IConsumer<OrderCancelled>,
    IConsumer<OrderFailed>,
    IConsumer<StockLow>
{
    public Task Consume(ConsumeContext<UserRegistered> context) =>
        EnqueueAsync(context, MailTemplate.Welcome, context.Message.UserId, cause: context.Message.UserId);

    public async Task Consume(ConsumeContext<UserEmailChanged> context)
    {
        await EnqueueAsync(context, MailTemplate.EmailChanged, context.Message.UserId, recipient: context.Message.NewEmail);
        if (context.Message.OldEmailVerified != false)
        {
            await EnqueueAsync(
                context, MailTemplate.EmailChanged, context.Message.UserId, recipient: context.Message.OldEmail, audience: Audiences.PreviousAddress);
        }
    }

    // The other reasons have mails of their own.
    public Task Consume(ConsumeContext<UserSessionsEnded> context) =>
        MailTemplate.OfEndedSessions(context.Message.Reason) is { } template ? EnqueueAsync(context, template, context.Message.UserId) : Task.CompletedTask;

    public Task Consume(ConsumeContext<UserDeactivated> context) => EnqueueAsync(context, MailTemplate.AccountDeactivated, context.Message.UserId);

    public Task Consume(ConsumeContext<OrderConfirmed> context) =>
        ForOrderAsync(context, MailTemplate.OrderConfirmation, context.Message.UserId, context.Message.OrderId);

    public Task Consume(ConsumeContext<OrderShipped> context) =>
        ForOrderAsync(context, MailTemplate.OrderShipped, context.Message.UserId, context.Message.OrderId);

    public Task Consume(ConsumeContext<OrderCancelled> context) =>
        ForOrderAsync(context, MailTemplate.OrderCancelled, context.Message.UserId, context.Message.OrderId);

    public Task Consume(ConsumeContext<OrderFailed> context) =>
        ForOrderAsync(context, MailTemplate.OrderFailed, context.Message.UserId, context.Message.OrderId);

    public Task Consume(ConsumeContext<StockLow> context) =>
        EnqueueAsync(context, MailTemplate.LowStock, null, recipient: options.Value.Operators, audience: Audiences.Operators);

    private Task ForOrderAsync<T>(ConsumeContext<T> context, string template, Guid userId, Guid orderId)
        where T : class => EnqueueAsync(context, template, userId, orderId, cause: orderId);

    private Task EnqueueAsync<T>(
        ConsumeContext<T> context,
        string template,
        Guid? userId,
        Guid? orderId = null,
        Guid? cause = null,
        string? recipient = null,
        string audience = Audiences.Customer)
        where T : class
    {
        // What somebody has read long ago, or was never to hear, is no news.
        if (context.IsReplay())
        {
            return Task.CompletedTask;
        }

        var eventId = context.Headers.Get<string>(CloudEventHeaders.Id) ?? context.MessageId!.Value.ToString();
        return mails.CommitAsync(
            new MailRequest(
                template, cause?.ToString()
                    ?? eventId, eventId, ShopContracts.Catalogue.Find(typeof(T))!.Type, context.Message, userId, orderId, recipient, audience,
                OperationContext.Current.TenantId,
                context.EventTime()),
            context.CancellationToken);
    }
}
