namespace Inventory.Domain;

/// <summary>The figures of one sku after a movement.</summary>
/// <param name="Sku">Stock keeping unit.</param>
/// <param name="Version">Number of its movements so far.</param>
/// <param name="OnHand">Pieces in the warehouse.</param>
/// <param name="Reserved">Pieces of those that are set aside.</param>
/// <param name="Shipped">Pieces that left.</param>
/// <param name="ReorderPoint">Where stock is low; null when nobody wants to know.</param>
public sealed record StockFigures(string Sku, int Version, int OnHand, int Reserved, long Shipped, int? ReorderPoint)
{
    public int Available => OnHand - Reserved;

    /// <summary>Whether a movement that took <paramref name="quantity"/> from what is available crossed the reorder point.</summary>
    public bool FellToReorderPoint(int quantity) => Available <= ReorderPoint && Available + quantity > ReorderPoint;

    /// <summary>The figures when as many pieces of what is available are set aside.</summary>
    public StockFigures SetAside(int quantity) => this with { Reserved = Reserved + quantity, Version = Version + 1 };
}
