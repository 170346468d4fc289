using Chassis;
using Microsoft.EntityFrameworkCore;
using Orders.Domain;
using Orders.Persistence;
using Orders.ReadModels;

namespace Orders.Catalogue;

/// <summary>This service's copies of products and customers: an order never waits for another service to be accepted.</summary>
public sealed class LocalCatalogue(OrdersDbContext db)
{
    /// <summary>Which of these are sold now; one that this service has not heard of yet is not (docs/adr/0007-local-copies.md).</summary>
    public async Task<IReadOnlyDictionary<string, Product>> FindAsync(IReadOnlyCollection<string> skus, CancellationToken ct)
    {
        var rows = await db.Products.AsNoTracking().Where(p => skus.Contains(p.Sku)).ToListAsync(ct);
        return rows.Select(p => p.AsSold()).OfType<Product>().ToDictionary(p => p.Sku, StringComparer.Ordinal);
    }

    /// <summary>Drafts as they would cost today, which is what a submission charges; everything else as it is.</summary>
    public async Task<IReadOnlyList<OrderView>> AtTodaysPricesAsync(IReadOnlyList<OrderView> orders, CancellationToken ct)
    {
        string[] skus = [.. orders.Where(o => o.Status == OrderStatus.Draft).SelectMany(o => o.Items).Select(i => i.Sku).Distinct()];
        if (skus.Length == 0)
        {
            return orders;
        }

        var products = await FindAsync(skus, ct);
        return [.. orders.Select(order => order.Status == OrderStatus.Draft ? AtPrices(order, products) : order)];
    }

    /// <summary>One order, likewise.</summary>
    public async Task<OrderView> AtTodaysPricesAsync(OrderView order, CancellationToken ct) => (await AtTodaysPricesAsync([order], ct))[0];

    // What is not sold any more, or not in the order's currency, keeps the price at which it was added; a submission refuses it.
    private static OrderView AtPrices(OrderView order, IReadOnlyDictionary<string, Product> products)
    {
        OrderItemView[] items =
        [
            .. order.Items.Select(i => products.TryGetValue(i.Sku, out var p) && p.UnitPrice.Currency == order.Total.Currency
                ? i with { Name = p.Name, UnitPrice = new Shop.Contracts.Money(p.UnitPrice.Amount, p.UnitPrice.Currency) }
                : i),
        ];
        return order with { Items = items, Total = new Shop.Contracts.Money(items.Sum(i => i.Quantity * i.UnitPrice.Amount), order.Total.Currency) };
    }

    /// <summary>
    /// Refuses customers who were deactivated or erased. A customer of whom this service has not heard yet has a valid token and may order.
    /// Shares a lock with <see cref="LockStatusAsync"/>, so that an order placed at the same moment as a deactivation is either refused or found and cancelled
    /// by it.
    /// </summary>
    /// <exception cref="ProblemException">403.</exception>
    public async Task MustBeActiveAsync(Guid userId, CancellationToken ct)
    {
        await db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock_shared(hashtextextended({LockName(userId)}, 0))", ct);
        if (await db.Users.AsNoTracking().AnyAsync(u => u.UserId == userId && u.Status != CustomerStatus.Active, ct))
        {
            throw new ProblemException(StatusCodes.Status403Forbidden, "user_deactivated", "This user is deactivated and cannot place or change orders.");
        }
    }

    /// <summary>Waits for orders of this customer that are being placed, and keeps new ones waiting until the transaction ends.</summary>
    public Task LockStatusAsync(Guid userId, CancellationToken ct) =>
        db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock(hashtextextended({LockName(userId)}, 0))", ct);

    private static string LockName(Guid userId) => $"customer:{userId}";
}
