using Inventory.Domain;
using Inventory.Persistence;

namespace Inventory.Features;

/// <summary>How many pieces there are.</summary>
/// <param name="Sku">Stock keeping unit.</param>
/// <param name="OnHand">In the warehouse; of a product with a recipe: those set aside, and those that could be made of what is available.</param>
/// <param name="Reserved">Of those, set aside for orders.</param>
/// <param name="Available">On hand less reserved.</param>
/// <param name="Shipped">Left the warehouse.</param>
public sealed record StockView(string Sku, long OnHand, long Reserved, long Available, long Shipped)
{
    public static StockView Of(StockFigures f) => new(f.Sku, f.OnHand, f.Reserved, f.Available, f.Shipped);
}

/// <summary>A receipt or an adjustment that was booked, with the stock after it.</summary>
/// <param name="Sku">Stock keeping unit.</param>
/// <param name="Version">Number of the movement in the ledger of this sku.</param>
/// <param name="Kind">What was booked.</param>
/// <param name="Quantity">Pieces; negative when pieces were lost.</param>
/// <param name="Reference">Delivery note of a receipt, or reason of an adjustment.</param>
/// <param name="Stock">The figures after it.</param>
internal sealed record BookedView(string Sku, int Version, MovementKind Kind, int Quantity, string Reference, StockView Stock);
