using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Chassis;
using Chassis.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using OtpNet;
using Users.Domain;
using Users.Persistence;

namespace Users.Passwords;

/// <summary>What an app for one-time codes needs to know; nothing is stored before its owner has shown a code of it.</summary>
/// <param name="Secret">For typing into the app, in Base32.</param>
/// <param name="Uri">The same for a QR code.</param>
/// <param name="Setup">Comes back with the first code; for a quarter of an hour.</param>
internal sealed record SecondFactorSetup(string Secret, string Uri, string Setup);

/// <summary>
/// One-time codes of an app (TOTP, RFC 6238: SHA-1, six digits, 30 s) beside the password, and recovery codes for who has lost the app. A code lets in once.
/// </summary>
internal sealed class SecondFactors(UsersDbContext db, Envelope envelope, IOptions<UsersSettings> settings, TimeProvider clock)
{
    private const string SetupPurpose = "users.second-factor-setup";

    // RFC 4226, section 4: as long as the hash.
    private const int SecretLength = 20;
    private const int RecoveryCodes = 10;

    // 80 bits: nobody guesses it, and a plain hash keeps it.
    private const int RecoveryCodeLength = 10;

    // The clock of a telephone is half a minute off at most.
    private static readonly VerificationWindow OneStepOff = new(previous: 1, future: 1);
    private static readonly TimeSpan SetupLifetime = TimeSpan.FromMinutes(15);

    public SecondFactorSetup Begin(User user)
    {
        var secret = KeyGeneration.GenerateRandomKey(SecretLength);
        var started = new Started(user.Id, secret, clock.GetUtcNow() + SetupLifetime);
        return Describe(user, secret, Base64UrlTextOf(envelope.Seal(SetupPurpose, user.Id.ToString(), JsonSerializer.SerializeToUtf8Bytes(started))));
    }

    /// <summary>The same once more, for who has mistyped the code.</summary>
    /// <exception cref="ProblemException">400: it was begun for another account, or too long ago.</exception>
    public SecondFactorSetup Again(User user, string setup) => Describe(user, Open(user, setup), setup);

    /// <summary>Keeps the factor, in the caller's transaction.</summary>
    /// <param name="user">Whose account; it is changed and not saved.</param>
    /// <param name="setup">As it was given out.</param>
    /// <param name="code">The first code.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>The recovery codes, which nobody ever sees again; null when the code is not right.</returns>
    /// <exception cref="ProblemException">400: it was begun for another account, or too long ago; 409: there is one already.</exception>
    public async Task<IReadOnlyList<string>?> ConfirmAsync(User user, string setup, string code, CancellationToken ct)
    {
        var secret = Open(user, setup);
        if (StepOf(secret, code) is not { } step)
        {
            return null;
        }

        user.AddSecondFactor(clock.GetUtcNow());
        await db.Database.ExecuteSqlAsync(
            $"INSERT INTO second_factors (user_id, secret, last_step) VALUES ({user.Id}, {SecretBox.SecondFactors.Seal(envelope, user.Id.ToString(), secret)}, {step}) ON CONFLICT DO NOTHING",
            ct);
        return await NewRecoveryCodesAsync(user.Id, ct);
    }

    /// <summary>Uses a code of the app or a recovery code up.</summary>
    /// <returns>Whether it was one.</returns>
    public async Task<bool> UseAsync(Guid userId, string code, CancellationToken ct)
    {
        code = new string([.. code.Where(char.IsAsciiLetterOrDigit)]).ToUpperInvariant();
        if (code.Length != 6)
        {
            return await db.Database.ExecuteSqlAsync($"DELETE FROM recovery_codes WHERE user_id = {userId} AND code_hash = {Hash(code)}", ct) > 0;
        }

        var wrapped = await db.Database.SqlQuery<byte[]>($"SELECT secret AS \"Value\" FROM second_factors WHERE user_id = {userId}").SingleOrDefaultAsync(ct);
        return wrapped is not null && StepOf(SecretBox.SecondFactors.Open(envelope, userId.ToString(), wrapped), code) is { } step
            && await db.Database.ExecuteSqlAsync($"UPDATE second_factors SET last_step = {step} WHERE user_id = {userId} AND last_step < {step}", ct) > 0;
    }

    /// <summary>In place of those that are left, in the caller's transaction.</summary>
    public async Task<IReadOnlyList<string>> NewRecoveryCodesAsync(Guid userId, CancellationToken ct)
    {
        string[] codes = [.. Enumerable.Range(0, RecoveryCodes).Select(_ => Base32Encoding.ToString(RandomNumberGenerator.GetBytes(RecoveryCodeLength)))];
        byte[][] hashes = [.. codes.Select(Hash)];
        await db.Database.ExecuteSqlAsync($"DELETE FROM recovery_codes WHERE user_id = {userId}", ct);
        await db.Database.ExecuteSqlAsync($"INSERT INTO recovery_codes (user_id, code_hash) SELECT {userId}, unnest({hashes})", ct);
        return [.. codes.Select(code => string.Join('-', code.Chunk(4).Select(part => new string(part))))];
    }

    public Task<int> RecoveryCodesLeftAsync(Guid userId, CancellationToken ct) =>
        db.Database.SqlQuery<int>($"SELECT count(*)::int AS \"Value\" FROM recovery_codes WHERE user_id = {userId}").SingleAsync(ct);

    /// <summary>Forgets the factor, in the caller's transaction.</summary>
    public async Task RemoveAsync(Guid userId, CancellationToken ct)
    {
        await db.Database.ExecuteSqlAsync($"DELETE FROM second_factors WHERE user_id = {userId}", ct);
        await db.Database.ExecuteSqlAsync($"DELETE FROM recovery_codes WHERE user_id = {userId}", ct);
    }

    private SecondFactorSetup Describe(User user, byte[] secret, string setup) =>
        new(Base32Encoding.ToString(secret), new OtpUri(OtpType.Totp, secret, user.Email!, settings.Value.SecondFactor.Issuer).ToString(), setup);

    private byte[] Open(User user, string setup)
    {
        try
        {
            var started = JsonSerializer.Deserialize<Started>(envelope.Open(
                SetupPurpose, user.Id.ToString(), System.Buffers.Text.Base64Url.DecodeFromChars(setup)));
            if (started?.UserId == user.Id && started.ExpiresAt > clock.GetUtcNow())
            {
                return started.Secret;
            }
        }
        catch (Exception e) when (e is FormatException or CryptographicException or ArgumentException)
        {
            // As if its time were over.
        }

        throw new ProblemException(StatusCodes.Status400BadRequest, "setup_expired", "This was begun too long ago, or elsewhere. Begin again.");
    }

    private long? StepOf(byte[] secret, string code) =>
        new Totp(secret).VerifyTotp(clock.GetUtcNow().UtcDateTime, code.Trim(), out var step, OneStepOff) ? step : null;

    private static string Base64UrlTextOf(byte[] bytes) => System.Buffers.Text.Base64Url.EncodeToString(bytes);

    private static byte[] Hash(string code) => SHA256.HashData(Encoding.UTF8.GetBytes(code));

    private sealed record Started(Guid UserId, byte[] Secret, DateTimeOffset ExpiresAt);
}
