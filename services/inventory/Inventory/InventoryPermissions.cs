using Chassis.Web;

namespace Inventory;

/// <summary>What operators may do in this service, beside the <see cref="Permissions"/> of every service.</summary>
internal static class InventoryPermissions
{
    /// <summary>Products and their prices.</summary>
    public const string ChangeCatalogue = "catalogue.write";

    /// <summary>Stock, movements, reservations, and shipments with the address that they go to.</summary>
    public const string ReadStock = "stock.read";

    /// <summary>Receipts, adjustments and the hand-over of parcels.</summary>
    public const string ChangeStock = "stock.write";
}
