using System.Text.Json;
using Chassis;
using Chassis.Messaging;
using Contracts.Events;
using Inventory.Domain;
using MassTransit;
using V1 = Shop.Contracts.Inventory.V1;

namespace Inventory.Persistence;

/// <summary>Keeps what happened to products and tells everybody else, in the unit of work that changes the product.</summary>
public sealed class ProductHistory(InventoryDbContext db, IPublishEndpoint publish, TimeProvider clock)
{
    /// <summary>Name of a core event as it is stored: it survives a renaming of the record.</summary>
    public static string StoredName(ProductEvent happened) => happened switch
    {
        ProductWasAdded => "product-added",
        PriceWasChanged => "price-changed",
        ProductWasDiscontinued => "product-discontinued",
        _ => throw new ArgumentOutOfRangeException(nameof(happened), happened, "An event without a name cannot be stored."),
    };

    public Task RecordAsync(Product product, ProductEvent happened, CancellationToken ct)
    {
        var now = clock.Now();
        var operation = OperationContext.Current;
        db.ProductHistory.Add(new ProductChange
        {
            Sku = product.Sku,
            Version = product.Version,
            EventId = Ids.New(clock),
            EventType = StoredName(happened),
            Payload = JsonSerializer.Serialize(happened, happened.GetType(), ContractJson.Options),
            OccurredAt = now,
            CorrelationId = operation.CorrelationId,
            UserId = operation.UserId,
            TenantId = operation.TenantId,
        });
        return TranslateAsync(happened, product.Version, now, ct);
    }

    // The one place where a product's core events become boundary events.
    private Task TranslateAsync(ProductEvent happened, int version, DateTimeOffset now, CancellationToken ct) => happened switch
    {
        ProductWasAdded e => publish.PublishEventAsync(new V1.ProductAdded(e.Sku, e.Name, e.Price, e.Components.ForOthers(), now, e.ReorderPoint), version, ct),
        PriceWasChanged e => publish.PublishEventAsync(new V1.ProductPriceChanged(e.Sku, e.OldPrice, e.NewPrice, now), version, ct),
        ProductWasDiscontinued e => publish.PublishEventAsync(new V1.ProductDiscontinued(e.Sku, now), version, ct),
        _ => throw new ArgumentOutOfRangeException(nameof(happened), happened, null),
    };
}
