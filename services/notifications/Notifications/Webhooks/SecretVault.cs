using System.Security.Cryptography;
using System.Text;
using Chassis.Data;
using Microsoft.EntityFrameworkCore;
using Notifications.Persistence;

namespace Notifications.Webhooks;

/// <summary>
/// Webhook secrets as they lie in the table: sealed. A database of before has them in the clear until <see cref="SealAllAsync"/> has seen them.
/// </summary>
public sealed class SecretVault(Envelope envelope)
{
    private const string Prefix = "sealed:";
    private const string Purpose = "notifications.webhook-secrets";
    private const int Batch = 500;

    public string Seal(Guid webhook, string secret) =>
        Prefix + Convert.ToBase64String(envelope.Seal(Purpose, webhook.ToString(), Encoding.UTF8.GetBytes(secret)));

    /// <exception cref="CryptographicException">Sealed with another master secret, or for another webhook.</exception>
    public string Open(Guid webhook, string stored) => stored.StartsWith(Prefix, StringComparison.Ordinal)
        ? Encoding.UTF8.GetString(envelope.Open(Purpose, webhook.ToString(), Box(stored)))
        : stored;

    /// <summary>Seals what is still in the clear, and anew what a former master secret has sealed.</summary>
    /// <returns>How many, and the webhooks of those that no master secret opens: they stay as they are.</returns>
    public async Task<(int Changed, IReadOnlyCollection<Guid> Lost)> SealAllAsync(NotificationsDbContext db, CancellationToken ct)
    {
        var (changed, lost, last) = (0, new HashSet<Guid>(), Guid.Empty);
        while (await db.WebhookSecrets.AsNoTracking().Where(s => s.Id > last).OrderBy(s => s.Id).Take(Batch).ToListAsync(ct) is { Count: > 0 } secrets)
        {
            foreach (var secret in secrets.Where(s => !IsCurrent(s.Secret)))
            {
                try
                {
                    var (before, after) = (secret.Secret, Seal(secret.WebhookId, Open(secret.WebhookId, secret.Secret)));
                    changed += await db.WebhookSecrets.Where(s => s.Id == secret.Id && s.Secret == before).ExecuteUpdateAsync(
                        u => u.SetProperty(s => s.Secret, after), ct);
                }
                catch (CryptographicException)
                {
                    lost.Add(secret.WebhookId);
                }
            }

            last = secrets[^1].Id;
        }

        return (changed, lost);
    }

    private static byte[] Box(string stored) => Convert.FromBase64String(stored[Prefix.Length..]);

    private bool IsCurrent(string stored) => stored.StartsWith(Prefix, StringComparison.Ordinal) && envelope.IsCurrent(Box(stored));
}
