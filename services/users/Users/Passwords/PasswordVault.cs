using Chassis;
using Microsoft.AspNetCore.Identity;
using Users.Domain;

namespace Users.Passwords;

/// <summary>
/// Hashes passwords with ASP.NET Core Identity's hasher: PBKDF2, HMAC-SHA-512, 128-bit salt, iterations by configuration.
/// One core is always left to others, and nobody waits for long, so that a wave of sign-ins slows sign-ins down and nothing else.
/// </summary>
public sealed class PasswordVault : IDisposable
{
    // Well within the time in which a request is to be answered.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly IPasswordHasher<object> _hasher;
    private readonly SemaphoreSlim _cores = new(Math.Max(1, Environment.ProcessorCount - 1));
    private readonly Lazy<string> _nobodysHash;

    public PasswordVault(IPasswordHasher<object> hasher)
    {
        this._hasher = hasher;
        _nobodysHash = new Lazy<string>(() => hasher.HashPassword(this, Guid.NewGuid().ToString()));
    }

    public Task<string> HashAsync(string password, CancellationToken ct) =>
        OnCoreAsync(() => _hasher.HashPassword(this, PasswordRules.Normalize(password)), ct);

    /// <summary>Takes the same time whether there is such an account or not.</summary>
    public async Task<PasswordVerificationResult> VerifyAsync(User? user, string password, CancellationToken ct)
    {
        var hash = user?.PasswordHash;
        var result = await OnCoreAsync(() => VerifyAnyForm(hash ?? _nobodysHash.Value, password), ct);
        return hash is null ? PasswordVerificationResult.Failed : result;
    }

    public void Dispose() => _cores.Dispose();

    /// <summary>The form that is hashed now, or what was typed: that was hashed before forms were normalised, and is to be hashed anew.</summary>
    private PasswordVerificationResult VerifyAnyForm(string hash, string password)
    {
        var normal = PasswordRules.Normalize(password);
        var result = _hasher.VerifyHashedPassword(this, hash, normal);
        return result == PasswordVerificationResult.Failed
            && normal != password
            && _hasher.VerifyHashedPassword(this, hash, password) != PasswordVerificationResult.Failed
            ? PasswordVerificationResult.SuccessRehashNeeded
            : result;
    }

    private async Task<T> OnCoreAsync<T>(Func<T> work, CancellationToken ct)
    {
        if (!await _cores.WaitAsync(Patience, ct))
        {
            throw ProblemException.Unavailable("Too many passwords are being looked at just now.");
        }

        try
        {
            return work();
        }
        finally
        {
            _cores.Release();
        }
    }
}
