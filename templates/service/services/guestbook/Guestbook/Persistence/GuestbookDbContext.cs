using Chassis.Data;
using Microsoft.EntityFrameworkCore;

namespace Guestbook.Persistence;

public sealed class GuestbookDbContext(DbContextOptions<GuestbookDbContext> options) : DbContext(options)
{
    public DbSet<Note> Notes => Set<Note>();
    public DbSet<ErasedUser> ErasedUsers => Set<ErasedUser>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Note>().ToTable("notes").HasKey(n => n.Id);
        modelBuilder.Entity<ErasedUser>().ToTable("erased_users").HasKey(u => u.UserId);
        modelBuilder.UseSnakeCaseNames();
    }
}

/// <summary>Something that a customer wrote, or that an order left.</summary>
public sealed class Note
{
    /// <summary>Begins with its time, so that ids sort as notes were made.</summary>
    public required Guid Id { get; init; }

    /// <summary>Whose installation it belongs to.</summary>
    public string? TenantId { get; init; }

    public required Guid UserId { get; init; }

    /// <summary>The order that left it; null when a person wrote it. An order leaves one.</summary>
    public Guid? OrderId { get; init; }

    /// <summary>Personal: it goes when the person is erased.</summary>
    public required string Text { get; init; }

    public required DateTimeOffset AddedAt { get; init; }
}

/// <summary>A person who asked to be forgotten.</summary>
public sealed class ErasedUser
{
    public required Guid UserId { get; init; }
    public required DateTimeOffset ErasedAt { get; init; }
}
