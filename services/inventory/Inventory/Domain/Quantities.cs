namespace Inventory.Domain;

/// <summary>Pieces of one product or part.</summary>
/// <param name="Sku">Stock keeping unit.</param>
/// <param name="Quantity">Pieces.</param>
public sealed record SkuQuantity(string Sku, int Quantity);

/// <summary>Too little of one part.</summary>
/// <param name="Sku">Stock keeping unit.</param>
/// <param name="Requested">Pieces that the order needs.</param>
/// <param name="Available">Pieces that could be had.</param>
public sealed record Shortage(string Sku, int Requested, int Available);
