using Inventory.Domain;
using Microsoft.EntityFrameworkCore;
using Shop.Contracts;

namespace Inventory.Persistence;

/// <summary>A product as an operator describes it.</summary>
public sealed record ProductDraft(string Sku, string Name, Money Price, IReadOnlyList<SkuQuantity> Components, int? ReorderPoint);

/// <summary>Writes products. The methods need an open transaction; what they add is stored by <see cref="SaveAsync"/>.</summary>
public sealed class Catalogue(InventoryDbContext db, ProductHistory history, StockLedger ledger, TimeProvider clock)
{
    private readonly List<(string Sku, int? ReorderPoint)> _shelves = [];

    /// <summary>
    /// One writer of recipes at a time, until the transaction ends: what is checked about components stays true, and the second of two equal skus
    /// sees the first. Operators add products, not customers.
    /// </summary>
    public Task LockAsync(CancellationToken ct) =>
        db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock(hashtext('inventory.catalogue'))", ct);

    /// <summary>The product, locked until the transaction ends, or null.</summary>
    public async Task<Product?> FindForChangeAsync(string sku, CancellationToken ct) =>
        (await db.Products.FromSql($"SELECT * FROM products WHERE sku = {sku} FOR NO KEY UPDATE").Include(p => p.Components).ToListAsync(ct)).SingleOrDefault();

    /// <summary>The product, which cannot be discontinued until the transaction ends, or null.</summary>
    public async Task<Product?> FindForShareAsync(string sku, CancellationToken ct) =>
        (await db.Products.FromSql($"SELECT * FROM products WHERE sku = {sku} FOR SHARE").AsNoTracking().ToListAsync(ct)).SingleOrDefault();

    public async Task<Product> AddAsync(ProductDraft draft, IReadOnlyList<SkuQuantity> parts, CancellationToken ct)
    {
        var now = clock.Now();
        var price = Prices.Normalize(draft.Price);
        var product = new Product
        {
            Sku = draft.Sku,
            Name = draft.Name,
            PriceAmount = price.Amount,
            PriceCurrency = price.Currency,
            ReorderPoint = draft.ReorderPoint,
            IsComposite = draft.Components.Count > 0,
            AddedAt = now,
            ChangedAt = now,
            Components =
            [
                .. draft.Components.Select((c, i) => new ProductComponent { Sku = draft.Sku, ComponentSku = c.Sku, Quantity = c.Quantity, Position = i }),
            ],
        };
        db.Products.Add(product);
        db.ProductParts.AddRange(parts.Select(p => new ProductPart { Sku = draft.Sku, PartSku = p.Sku, Quantity = p.Quantity }));
        if (!product.IsComposite)
        {
            _shelves.Add((draft.Sku, draft.ReorderPoint));
        }

        await history.RecordAsync(product, new ProductWasAdded(draft.Sku, draft.Name, price, draft.Components, parts, draft.ReorderPoint), ct);
        return product;
    }

    /// <summary>Whether the price is another one now.</summary>
    public async Task<bool> ChangePriceAsync(Product product, Money newPrice, CancellationToken ct)
    {
        var oldPrice = product.Price;
        var price = Prices.Normalize(newPrice);
        if (price == oldPrice)
        {
            return false;
        }

        product.PriceAmount = price.Amount;
        product.PriceCurrency = price.Currency;
        product.ChangedAt = clock.Now();
        product.Version++;
        await history.RecordAsync(product, new PriceWasChanged(product.Sku, oldPrice, price), ct);
        return true;
    }

    public async Task SaveAsync(CancellationToken ct)
    {
        await db.SaveChangesAsync(ct);
        if (_shelves.Count > 0)
        {
            await ledger.OpenAsync(_shelves, ct);
            _shelves.Clear();
        }
    }
}
