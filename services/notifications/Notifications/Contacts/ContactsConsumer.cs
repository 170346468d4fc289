using Chassis.Messaging;
using MassTransit;
using Shop.Contracts.Users.V1;

namespace Notifications.Contacts;

/// <summary>Copies from users' events what a mail needs.</summary>
internal sealed class ContactsConsumer(ContactBook contacts) :
    IConsumer<UserRegistered>,
    IConsumer<UserProfileUpdated>,
    IConsumer<UserEmailVerified>,
    IConsumer<UserEmailChanged>,
    IConsumer<UserDeactivated>,
    IConsumer<UserReactivated>,
    IConsumer<UserErased>
{
    public async Task Consume(ConsumeContext<UserRegistered> context)
    {
        var user = context.Message;
        var version = Version(context);
        await contacts.SetNameAsync(user.UserId, user.FullName, version, context.CancellationToken);
        await contacts.SetLocaleAsync(user.UserId, user.Locale, version, context.CancellationToken);
        if (user.EmailVerified != false)
        {
            await contacts.SetEmailAsync(user.UserId, user.Email, version, context.CancellationToken);
        }
    }

    public Task Consume(ConsumeContext<UserEmailVerified> context) =>
        contacts.SetEmailAsync(context.Message.UserId, context.Message.Email, Version(context), context.CancellationToken);

    public async Task Consume(ConsumeContext<UserProfileUpdated> context)
    {
        foreach (var change in context.Message.Changes)
        {
            await (change.Field switch
            {
                "fullName" => contacts.SetNameAsync(context.Message.UserId, change.NewValue, Version(context), context.CancellationToken),
                "locale" => contacts.SetLocaleAsync(context.Message.UserId, change.NewValue, Version(context), context.CancellationToken),
                _ => Task.CompletedTask,
            });
        }
    }

    public Task Consume(ConsumeContext<UserEmailChanged> context) =>
        contacts.SetEmailAsync(context.Message.UserId, context.Message.NewEmail, Version(context), context.CancellationToken);

    public Task Consume(ConsumeContext<UserDeactivated> context) =>
        contacts.SetActiveAsync(context.Message.UserId, false, Version(context), context.CancellationToken);

    public Task Consume(ConsumeContext<UserReactivated> context) =>
        contacts.SetActiveAsync(context.Message.UserId, true, Version(context), context.CancellationToken);

    public Task Consume(ConsumeContext<UserErased> context) => contacts.EraseAsync(context.Message.UserId, context.CancellationToken);

    // A publisher that counts nothing gets the order of arrival: the time of the event, which is far above any version.
    private static long Version(ConsumeContext context) =>
        context.EventSequence() ?? (context.SentTime ?? DateTime.UnixEpoch).ToUniversalTime().Ticks;
}
