using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Orders.Domain;

namespace Orders.Catalogue;

/// <summary>What inventory has said of a product. Name and price are null until the event that says them has arrived.</summary>
public sealed class CatalogueProduct
{
    public required string Sku { get; init; }

    public string? Name { get; init; }

    public decimal? Price { get; init; }

    public string? Currency { get; init; }

    public bool Discontinued { get; init; }

    /// <summary>The product as it is sold now; null when it is not.</summary>
    public Product? AsSold() =>
        Discontinued || Name is null || Price is null || Currency is null ? null : new Product(Sku, Name, new Money(Price.Value, Currency));

    internal sealed class Configuration : IEntityTypeConfiguration<CatalogueProduct>
    {
        public void Configure(EntityTypeBuilder<CatalogueProduct> builder) => builder.ToTable("catalogue_products").HasKey(p => p.Sku);
    }
}

public enum CustomerStatus
{
    Active,
    Deactivated,
    Erased,
}

/// <summary>What users has said of a customer.</summary>
public sealed class CatalogueUser
{
    public required Guid UserId { get; init; }

    public CustomerStatus Status { get; init; }

    /// <summary>Of the event that said so.</summary>
    public long Sequence { get; init; }

    internal sealed class Configuration : IEntityTypeConfiguration<CatalogueUser>
    {
        public void Configure(EntityTypeBuilder<CatalogueUser> builder)
        {
            builder.ToTable("catalogue_users").HasKey(u => u.UserId);
            builder.Property(u => u.Status).HasConversion(s => s.ToString().ToLowerInvariant(), s => Enum.Parse<CustomerStatus>(s, true));
        }
    }
}
