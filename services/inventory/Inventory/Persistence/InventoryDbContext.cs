using System.Text.Json;
using Chassis.Data;
using Contracts.Events;
using Inventory.Domain;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Inventory.Persistence;

public sealed class InventoryDbContext(DbContextOptions<InventoryDbContext> options) : DbContext(options)
{
    public DbSet<Product> Products => Set<Product>();
    public DbSet<ProductComponent> ProductComponents => Set<ProductComponent>();
    public DbSet<ProductPart> ProductParts => Set<ProductPart>();
    public DbSet<ProductChange> ProductHistory => Set<ProductChange>();
    public DbSet<StockLevel> Stock => Set<StockLevel>();
    public DbSet<Movement> Movements => Set<Movement>();
    public DbSet<Reservation> Reservations => Set<Reservation>();
    public DbSet<Shipment> Shipments => Set<Shipment>();
    public DbSet<ErasedUser> ErasedUsers => Set<ErasedUser>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Product>(product =>
        {
            product.ToTable("products").HasKey(p => p.Sku);
            product.Ignore(p => p.Price);
            AsText(product.Property(p => p.Status));
            product.HasMany(p => p.Components).WithOne().HasForeignKey(c => c.Sku);
        });
        modelBuilder.Entity<ProductComponent>(component =>
        {
            component.ToTable("product_components").HasKey(c => new { c.Sku, c.ComponentSku });
            component.HasOne<Product>().WithMany().HasForeignKey(c => c.ComponentSku);
        });
        modelBuilder.Entity<ProductPart>(part =>
        {
            part.ToTable("product_parts").HasKey(p => new { p.Sku, p.PartSku });
            part.HasOne<Product>().WithMany().HasForeignKey(p => p.Sku);
            part.HasOne<Product>().WithMany().HasForeignKey(p => p.PartSku);
        });
        modelBuilder.Entity<ProductChange>(change =>
        {
            change.ToTable("product_history").HasKey(c => new { c.Sku, c.Version });
            change.HasOne<Product>().WithMany().HasForeignKey(c => c.Sku);
            change.Property(c => c.Payload).HasColumnType("jsonb");
        });
        modelBuilder.Entity<StockLevel>().ToTable("stock").HasKey(s => s.Sku);
        modelBuilder.Entity<Movement>(movement =>
        {
            movement.ToTable("movements").HasKey(m => new { m.Sku, m.Version });
            AsText(movement.Property(m => m.Kind));
        });
        modelBuilder.Entity<Reservation>(reservation =>
        {
            reservation.ToTable("reservations").HasKey(r => r.OrderId);
            AsText(reservation.Property(r => r.Status));
            AsJson(reservation.Property(r => r.Items));
            AsJson(reservation.Property(r => r.Lines));
            AsJson(reservation.Property(r => r.Shortages));
        });
        modelBuilder.Entity<Shipment>(shipment =>
        {
            shipment.ToTable("shipments").HasKey(s => s.Id);
            AsText(shipment.Property(s => s.Status));
            AsJson(shipment.Property(s => s.Items));
            AsJson(shipment.Property(s => s.PickList));
            AsJson(shipment.Property(s => s.Address));
        });
        modelBuilder.Entity<ErasedUser>().ToTable("erased_users").HasKey(u => u.UserId);
        modelBuilder.UseSnakeCaseNames();
    }

    private static void AsText<T>(PropertyBuilder<T> property)
        where T : struct, Enum =>
        property.HasConversion(value => value.ToString().ToLowerInvariant(), text => Enum.Parse<T>(text, true));

    // Values that are replaced, never changed in place.
    private static void AsJson<T>(PropertyBuilder<T> property) =>
        property.HasColumnType("jsonb").HasConversion(
            value => JsonSerializer.Serialize(value, ContractJson.Options),
            json => JsonSerializer.Deserialize<T>(json, ContractJson.Options)!,
            new ValueComparer<T>((a, b) => ReferenceEquals(a, b), value => value == null ? 0 : value.GetHashCode(), value => value));
}
