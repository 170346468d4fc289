using Chassis.Data;
using Microsoft.EntityFrameworkCore;
using Notifications.Contacts;
using Notifications.Mails;
using Notifications.Webhooks;

namespace Notifications.Persistence;

public sealed class NotificationsDbContext(DbContextOptions<NotificationsDbContext> options) : DbContext(options)
{
    public DbSet<Contact> Contacts => Set<Contact>();

    public DbSet<NotificationPreferences> Preferences => Set<NotificationPreferences>();

    public DbSet<Mail> Mails => Set<Mail>();

    public DbSet<Webhook> Webhooks => Set<Webhook>();

    public DbSet<WebhookSecret> WebhookSecrets => Set<WebhookSecret>();

    public DbSet<WebhookEvent> WebhookEvents => Set<WebhookEvent>();

    public DbSet<WebhookDelivery> WebhookDeliveries => Set<WebhookDelivery>();

    public DbSet<WebhookAttempt> WebhookAttempts => Set<WebhookAttempt>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Contact>(b =>
        {
            b.ToTable("contacts");
            b.HasKey(c => c.UserId);
        });
        modelBuilder.Entity<NotificationPreferences>(b =>
        {
            b.ToTable("notification_preferences");
            b.HasKey(p => p.UserId);
            b.Property(p => p.Version).IsConcurrencyToken();
        });
        modelBuilder.Entity<Mail>(b =>
        {
            b.ToTable("mails");
            b.Property(m => m.Status).HasConversion(s => s.ToString().ToLowerInvariant(), s => Enum.Parse<MailStatus>(s, true));
            b.Property(m => m.Data).HasColumnType("jsonb");
        });
        modelBuilder.Entity<Webhook>(b =>
        {
            b.ToTable("webhooks");
            b.Property(w => w.Status).HasConversion(s => s.ToString().ToLowerInvariant(), s => Enum.Parse<WebhookStatus>(s, true));
            b.Property(w => w.Version).IsConcurrencyToken();
        });
        modelBuilder.Entity<WebhookSecret>(b =>
        {
            b.ToTable("webhook_secrets");

            // Known to EF so that it inserts a webhook before its secret.
            b.HasOne<Webhook>().WithMany().HasForeignKey(s => s.WebhookId);
        });
        modelBuilder.Entity<WebhookEvent>(b =>
        {
            b.ToTable("webhook_events");
            b.HasKey(e => e.EventId);
        });
        modelBuilder.Entity<WebhookDelivery>(b =>
        {
            b.ToTable("webhook_deliveries");
            b.Property(d => d.Status).HasConversion(s => s.ToString().ToLowerInvariant(), s => Enum.Parse<DeliveryStatus>(s, true));
        });
        modelBuilder.Entity<WebhookAttempt>().ToTable("webhook_attempts");
        modelBuilder.UseSnakeCaseNames();
    }
}
