using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Chassis;
using Chassis.Data;
using Chassis.Web;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using Microsoft.IdentityModel.Tokens;
using Users.Persistence;

namespace Users.Tokens;

/// <summary>
/// The keys of the installation, shared by all replicas through the database. The newest one whose time has come signs; all of them are published,
/// until the last token that a key has signed must have expired.
/// </summary>
public sealed partial class SigningKeys(
    IServiceScopeFactory scopes,
    Envelope envelope,
    IOptions<UsersSettings> settings,
    TimeProvider clock,
    ILogger<SigningKeys> logger) : ISigningKeySource, IDisposable
{
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan MinimumInterval = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _loading = new(1);
    private volatile IReadOnlyList<Loaded> _keys = [];
    private CancellationTokenSource _changed = new();
    private DateTimeOffset _lastLoad = DateTimeOffset.MinValue;

    /// <summary>All of them, the one that signs first.</summary>
    public IReadOnlyList<SigningCredentials> Credentials => [.. _keys.Select(k => k.Credentials)];

    /// <summary>Fires once, when there are other keys, or another one signs.</summary>
    public IChangeToken Changed => new CancellationChangeToken(_changed.Token);

    public async ValueTask<VerificationKey?> FindAsync(string keyId, CancellationToken ct)
    {
        if (Find(keyId) is { } known)
        {
            return known;
        }

        // Another replica may have made a key since.
        if (clock.GetUtcNow() - _lastLoad > MinimumInterval)
        {
            await LoadAsync(ct);
        }

        return Find(keyId);
    }

    /// <summary>Makes the next key when it is time, drops those that nobody needs any more, and reads what other replicas have made.</summary>
    public Task MaintainAsync(CancellationToken ct) => ChangeAsync(
        async (db, now) =>
        {
            var tokens = settings.Value.Tokens;
            var rows = await db.SigningKeys.OrderBy(k => k.SignsFrom).ToListAsync(ct);
            if (rows.Count == 0)
            {
                db.Add(Create(now, now));
            }
            else if (rows[^1].SignsFrom + tokens.KeyLifetime <= now + tokens.KeyAnnouncement)
            {
                db.Add(Create(now, now + tokens.KeyAnnouncement));
            }

            foreach (var (row, successor) in rows.Zip(rows.Skip(1)).Where(p => p.Second.SignsFrom + tokens.AccessTokenLifetime + Margin < now))
            {
                db.Remove(row);
                LogDropped(logger, row.KeyId, successor.KeyId);
            }

            return rows.Count;
        },
        ct);

    /// <summary>
    /// Announces the next key, unless one is announced already. It signs once everybody knows it; tokens of the others stay valid until they expire.
    /// </summary>
    public Task<SigningKey> RotateAsync(CancellationToken ct) => ChangeAsync(
        async (db, now) => await db.SigningKeys.FirstOrDefaultAsync(k => k.SignsFrom > now, ct)
            ?? db.Add(Create(now, now + settings.Value.Tokens.KeyAnnouncement)).Entity,
        ct);

    /// <summary>
    /// Takes a key out of use, such as one that somebody has a copy of: whatever it has signed is void. Another one signs from now on, a new one if need be.
    /// </summary>
    /// <returns>The key that signs from now on.</returns>
    /// <exception cref="ProblemException">404: there is none of this id.</exception>
    public Task<SigningKey> WithdrawAsync(string keyId, CancellationToken ct) => ChangeAsync(
        async (db, now) =>
        {
            var keys = await db.SigningKeys.OrderBy(k => k.SignsFrom).ToListAsync(ct);
            var withdrawn = keys.Find(k => k.KeyId == keyId) ?? throw ProblemException.NotFound("There is no such key.");
            db.Remove(withdrawn);
            LogWithdrawn(logger, keyId);
            return keys.FindLast(k => k.SignsFrom <= now && k != withdrawn) ?? db.Add(Create(now, now)).Entity;
        },
        ct);

    public void Dispose()
    {
        _loading.Dispose();
        _changed.Dispose();
    }

    private async Task<T> ChangeAsync<T>(Func<UsersDbContext, DateTimeOffset, Task<T>> change, CancellationToken ct)
    {
        T result;
        await using (var scope = scopes.CreateAsyncScope())
        {
            var db = scope.ServiceProvider.GetRequiredService<UsersDbContext>();
            await using var transaction = await LockAsync(db, ct);
            result = await change(db, clock.GetUtcNow());
            await db.SaveChangesAsync(ct);
            await transaction.CommitAsync(ct);
        }

        await LoadAsync(ct);
        return result;
    }

    private static async Task<Microsoft.EntityFrameworkCore.Storage.IDbContextTransaction> LockAsync(UsersDbContext db, CancellationToken ct)
    {
        var transaction = await db.Database.BeginTransactionAsync(ct);
        await db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock(hashtext('users.signing-keys'))", ct);
        return transaction;
    }

    private VerificationKey? Find(string keyId) => _keys.FirstOrDefault(k => k.Row.KeyId == keyId)?.Public;

    private async Task LoadAsync(CancellationToken ct)
    {
        await _loading.WaitAsync(ct);
        try
        {
            await using var scope = scopes.CreateAsyncScope();
            var db = scope.ServiceProvider.GetRequiredService<UsersDbContext>();
            var rows = await db.SigningKeys.AsNoTracking().ToListAsync(ct);
            var (now, loaded) = (clock.GetUtcNow(), _keys);
            _keys =
            [
                .. rows.OrderByDescending(row => row.SignsFrom <= now).ThenByDescending(row => row.SignsFrom)
                    .Select(
                        row => loaded.FirstOrDefault(k => k.Row.KeyId == row.KeyId)
                            ?? new Loaded(row, SecretBox.SigningKeys.Open(envelope, row.KeyId, row.PrivateKey))),
            ];
            if (!_keys.SequenceEqual(loaded))
            {
                // Replaced first: whoever is told asks for the next one.
                using var fired = Interlocked.Exchange(ref _changed, new CancellationTokenSource());
                await fired.CancelAsync();
            }

            _lastLoad = clock.GetUtcNow();
        }
        finally
        {
            _loading.Release();
        }
    }

    private SigningKey Create(DateTimeOffset now, DateTimeOffset signsFrom)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var point = key.ExportParameters(includePrivateParameters: false).Q;
        var (x, y) = (Base64Url.EncodeToString(point.X), Base64Url.EncodeToString(point.Y));
        var thumbprint = SHA256.HashData(Encoding.UTF8.GetBytes($$"""{"crv":"P-256","kty":"EC","x":"{{x}}","y":"{{y}}"}"""));
        var keyId = Base64Url.EncodeToString(thumbprint);
        var row = new SigningKey
        {
            KeyId = keyId,
            X = point.X!,
            Y = point.Y!,
            PrivateKey = SecretBox.SigningKeys.Seal(envelope, keyId, key.ExportPkcs8PrivateKey()),
            CreatedAt = now,
            SignsFrom = signsFrom,
        };
        LogCreated(logger, row.KeyId, signsFrom);
        return row;
    }

    [LoggerMessage(6001, LogLevel.Information, "New signing key {KeyId}; it signs from {SignsFrom:O}.", EventName = "signing_key.created")]
    private static partial void LogCreated(ILogger logger, string keyId, DateTimeOffset signsFrom);

    [LoggerMessage(6005, LogLevel.Warning, "Signing key {KeyId} was withdrawn; nothing that it has signed holds any more.",
        EventName = "signing_key.withdrawn")]
    private static partial void LogWithdrawn(ILogger logger, string keyId);

    [LoggerMessage(6002, LogLevel.Information, "Signing key {KeyId} dropped; {Successor} has replaced it.", EventName = "signing_key.dropped")]
    private static partial void LogDropped(ILogger logger, string keyId, string successor);

    private sealed class Loaded(SigningKey row, byte[] pkcs8)
    {
        public SigningKey Row { get; } = row;

        public VerificationKey Public { get; } = VerificationKey.FromEllipticCurve(row.KeyId, new ECPoint { X = row.X, Y = row.Y });

        public SigningCredentials Credentials { get; } = new(new ECDsaSecurityKey(Import(pkcs8)) { KeyId = row.KeyId }, SecurityAlgorithms.EcdsaSha256);

        private static ECDsa Import(byte[] pkcs8)
        {
            var key = ECDsa.Create();
            key.ImportPkcs8PrivateKey(pkcs8, out _);
            return key;
        }
    }
}
