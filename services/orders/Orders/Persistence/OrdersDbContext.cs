using Chassis.Data;
using Microsoft.EntityFrameworkCore;
using Orders.Catalogue;

namespace Orders.Persistence;

/// <summary>The service's tables that are worked on as rows. Events and read models are written by the event store and its projections.</summary>
public sealed class OrdersDbContext(DbContextOptions<OrdersDbContext> options) : DbContext(options)
{
    public DbSet<CatalogueProduct> Products => Set<CatalogueProduct>();

    public DbSet<CatalogueUser> Users => Set<CatalogueUser>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.ApplyConfigurationsFromAssembly(typeof(OrdersDbContext).Assembly);
        modelBuilder.UseSnakeCaseNames();
    }
}
