using Chassis.Web;

namespace Notifications;

/// <summary>What operators may do in this service, beside the <see cref="Permissions"/> of every service.</summary>
internal static class NotificationsPermissions
{
    /// <summary>Webhooks with their secrets and deliveries.</summary>
    public const string ChangeWebhooks = "webhooks.write";
}
