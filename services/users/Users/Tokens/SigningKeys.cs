using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Chassis.Web;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Users.Persistence;

namespace Users.Tokens;

/// <summary>A key pair on P-256 as stored.</summary>
public sealed class SigningKey
{
    /// <summary>Thumbprint of the public key (RFC 7638).</summary>
    public required string KeyId { get; init; }

    public required byte[] X { get; init; }

    public required byte[] Y { get; init; }

    /// <summary>PKCS#8, wrapped with the master secret.</summary>
    public required byte[] PrivateKey { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Until then it is only published.</summary>
    public required DateTimeOffset SignsFrom { get; init; }
}

/// <summary>
/// The keys of the installation, shared by all replicas through the database. The newest one whose time has come signs; all of them are published,
/// until the last token that a key has signed must have expired.
/// </summary>
public sealed partial class SigningKeys(
    IServiceScopeFactory scopes, SecretBox box, IOptions<UsersSettings> settings, TimeProvider clock, ILogger<SigningKeys> logger) : ISigningKeySource, IDisposable
{
    private const string Purpose = "users.signing-key";
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan MinimumInterval = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim loading = new(1);
    private volatile IReadOnlyList<Loaded> keys = [];
    private DateTimeOffset lastLoad = DateTimeOffset.MinValue;

    /// <summary>The published keys as a JWKS.</summary>
    public JsonObject PublicSet() => new() { ["keys"] = new JsonArray([.. keys.Select(k => k.Jwk())]) };

    public async ValueTask<VerificationKey?> FindAsync(string keyId, CancellationToken cancellationToken)
    {
        if (Find(keyId) is { } known)
        {
            return known;
        }

        // Another replica may have made a key since.
        if (clock.GetUtcNow() - lastLoad > MinimumInterval)
        {
            await LoadAsync(cancellationToken);
        }

        return Find(keyId);
    }

    /// <summary>Makes a JWS in compact form.</summary>
    public string Sign(JsonObject payload)
    {
        var now = clock.GetUtcNow();
        var key = keys.Where(k => k.Row.SignsFrom <= now).MaxBy(k => k.Row.SignsFrom)
            ?? throw ProblemException.Unavailable("There is no signing key yet.");
        var header = JsonSerializer.Serialize(new { alg = SigningAlgorithms.ES256, typ = "at+jwt", kid = key.Row.KeyId });
        var content = $"{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(header))}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(payload.ToJsonString()))}";
        return $"{content}.{Base64Url.EncodeToString(key.Sign(Encoding.ASCII.GetBytes(content)))}";
    }

    /// <summary>Makes the next key when it is time, drops those that nobody needs any more, and reads what other replicas have made.</summary>
    public async Task MaintainAsync(CancellationToken cancellationToken)
    {
        var tokens = settings.Value.Tokens;
        await using (var scope = scopes.CreateAsyncScope())
        {
            var db = scope.ServiceProvider.GetRequiredService<UsersDbContext>();
            await using var transaction = await LockAsync(db, cancellationToken);
            var now = clock.GetUtcNow();
            var rows = await db.SigningKeys.OrderBy(k => k.SignsFrom).ToListAsync(cancellationToken);
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

            await db.SaveChangesAsync(cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }

        await LoadAsync(cancellationToken);
    }

    /// <summary>Makes a new key that signs from now on. Tokens of the others stay valid until they expire.</summary>
    /// <returns>Id of the new key.</returns>
    public async Task<string> RotateAsync(CancellationToken cancellationToken)
    {
        string keyId;
        await using (var scope = scopes.CreateAsyncScope())
        {
            var db = scope.ServiceProvider.GetRequiredService<UsersDbContext>();
            await using var transaction = await LockAsync(db, cancellationToken);
            var now = clock.GetUtcNow();
            var key = Create(now, now);
            keyId = key.KeyId;
            db.Add(key);
            await db.SaveChangesAsync(cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }

        await LoadAsync(cancellationToken);
        return keyId;
    }

    public void Dispose() => loading.Dispose();

    private static async Task<Microsoft.EntityFrameworkCore.Storage.IDbContextTransaction> LockAsync(UsersDbContext db, CancellationToken cancellationToken)
    {
        var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock(hashtext('users.signing-keys'))", cancellationToken);
        return transaction;
    }

    private VerificationKey? Find(string keyId) => keys.FirstOrDefault(k => k.Row.KeyId == keyId)?.Public;

    private async Task LoadAsync(CancellationToken cancellationToken)
    {
        await loading.WaitAsync(cancellationToken);
        try
        {
            await using var scope = scopes.CreateAsyncScope();
            var db = scope.ServiceProvider.GetRequiredService<UsersDbContext>();
            var rows = await db.SigningKeys.AsNoTracking().OrderBy(k => k.SignsFrom).ToListAsync(cancellationToken);
            var loaded = keys;
            keys = [.. rows.Select(row => loaded.FirstOrDefault(k => k.Row.KeyId == row.KeyId) ?? new Loaded(row, box.Unwrap(Purpose, row.PrivateKey)))];
            lastLoad = clock.GetUtcNow();
        }
        finally
        {
            loading.Release();
        }
    }

    private SigningKey Create(DateTimeOffset now, DateTimeOffset signsFrom)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var point = key.ExportParameters(includePrivateParameters: false).Q;
        var (x, y) = (Base64Url.EncodeToString(point.X), Base64Url.EncodeToString(point.Y));
        var thumbprint = SHA256.HashData(Encoding.UTF8.GetBytes($$"""{"crv":"P-256","kty":"EC","x":"{{x}}","y":"{{y}}"}"""));
        var row = new SigningKey
        {
            KeyId = Base64Url.EncodeToString(thumbprint),
            X = point.X!,
            Y = point.Y!,
            PrivateKey = box.Wrap(Purpose, key.ExportPkcs8PrivateKey()),
            CreatedAt = now,
            SignsFrom = signsFrom,
        };
        LogCreated(logger, row.KeyId, signsFrom);
        return row;
    }

    [LoggerMessage(2001, LogLevel.Information, "New signing key {KeyId}; it signs from {SignsFrom:O}.")]
    private static partial void LogCreated(ILogger logger, string keyId, DateTimeOffset signsFrom);

    [LoggerMessage(2002, LogLevel.Information, "Signing key {KeyId} dropped; {Successor} has replaced it.")]
    private static partial void LogDropped(ILogger logger, string keyId, string successor);

    private sealed class Loaded(SigningKey row, byte[] pkcs8)
    {
        // The framework does not promise that an instance can be used by several threads at once.
        private readonly ConcurrentBag<ECDsa> idle = [];

        public SigningKey Row { get; } = row;

        public VerificationKey Public { get; } = VerificationKey.FromEllipticCurve(row.KeyId, new ECPoint { X = row.X, Y = row.Y });

        public byte[] Sign(byte[] content)
        {
            if (!idle.TryTake(out var key))
            {
                key = ECDsa.Create();
                key.ImportPkcs8PrivateKey(pkcs8, out _);
            }

            var signature = key.SignData(content, HashAlgorithmName.SHA256);
            idle.Add(key);
            return signature;
        }

        public JsonObject Jwk() => new JsonObject
        {
            ["kty"] = "EC", ["use"] = "sig", ["crv"] = "P-256", ["alg"] = SigningAlgorithms.ES256, ["kid"] = Row.KeyId,
            ["x"] = Base64Url.EncodeToString(Row.X), ["y"] = Base64Url.EncodeToString(Row.Y),
        };
    }
}
