using Chassis;
using Chassis.Data;
using Microsoft.EntityFrameworkCore;
using OpenIddict.EntityFrameworkCore.Models;
using Users.Domain;

namespace Users.Persistence;

/// <summary>
/// The users database. Accounts, history and list show only the rows of the tenant that the work at hand belongs to, and all rows to whoever has none.
/// </summary>
public sealed class UsersDbContext(DbContextOptions<UsersDbContext> options) : DbContext(options)
{
    public DbSet<User> Users => Set<User>();

    public DbSet<UserKey> Keys => Set<UserKey>();

    public DbSet<HistoryEntry> History => Set<HistoryEntry>();

    public DbSet<ListEntry> List => Set<ListEntry>();

    /// <summary>Sessions, as the token server stores them.</summary>
    public DbSet<OpenIddictEntityFrameworkCoreAuthorization<Guid>> Authorizations => Set<OpenIddictEntityFrameworkCoreAuthorization<Guid>>();

    /// <summary>Codes and refresh tokens, as the token server stores them.</summary>
    public DbSet<OpenIddictEntityFrameworkCoreToken<Guid>> Tokens => Set<OpenIddictEntityFrameworkCoreToken<Guid>>();

    public DbSet<AccountTicket> Tickets => Set<AccountTicket>();

    public DbSet<SigningKey> SigningKeys => Set<SigningKey>();

    // Read for every query: EF Core takes it from the context at hand.
    private string? CurrentTenant => OperationContext.Current.TenantId;

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<User>(user =>
        {
            user.Property(u => u.Version).IsConcurrencyToken();
            user.Ignore(u => u.Raised);
            user.HasQueryFilter(u => CurrentTenant == null || u.TenantId == CurrentTenant);
        });
        modelBuilder.Entity<UserKey>().ToTable("user_keys").HasKey(k => k.UserId);
        modelBuilder.Entity<HistoryEntry>(entry =>
        {
            entry.ToTable("user_events").HasKey(e => e.EventId);
            entry.Property(e => e.Payload).HasColumnType("jsonb");
            entry.Property(e => e.Metadata).HasColumnType("jsonb");
            entry.HasQueryFilter(e => CurrentTenant == null || e.TenantId == CurrentTenant);
        });
        modelBuilder.Entity<ListEntry>().ToTable("user_list").HasQueryFilter(e => CurrentTenant == null || e.TenantId == CurrentTenant);
        modelBuilder.UseOpenIddict<Guid>();
        modelBuilder.Entity<OpenIddictEntityFrameworkCoreApplication<Guid>>().ToTable("oauth_applications");
        modelBuilder.Entity<OpenIddictEntityFrameworkCoreAuthorization<Guid>>().ToTable("oauth_authorizations");
        modelBuilder.Entity<OpenIddictEntityFrameworkCoreScope<Guid>>().ToTable("oauth_scopes");
        modelBuilder.Entity<OpenIddictEntityFrameworkCoreToken<Guid>>().ToTable("oauth_tokens");
        modelBuilder.Entity<AccountTicket>().ToTable("account_tickets").HasKey(t => t.TicketHash);
        modelBuilder.Entity<SigningKey>().HasKey(k => k.KeyId);
        modelBuilder.UseSnakeCaseNames();
    }
}
