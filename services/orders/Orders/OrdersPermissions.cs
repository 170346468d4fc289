using Chassis.Web;

namespace Orders;

/// <summary>What operators may do in this service, beside the <see cref="Permissions"/> of every service.</summary>
internal static class OrdersPermissions
{
    /// <summary>Acting on customers' orders in their place.</summary>
    public const string ChangeOrders = "orders.write";
}
