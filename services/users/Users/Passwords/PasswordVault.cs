using Microsoft.AspNetCore.Identity;
using Users.Domain;

namespace Users.Passwords;

/// <summary>
/// Hashes passwords with ASP.NET Core Identity's hasher: PBKDF2, HMAC-SHA-512, 128-bit salt, iterations by configuration.
/// At most one hash per core at a time, so that a wave of sign-ins slows sign-ins down and nothing else.
/// </summary>
public sealed class PasswordVault : IDisposable
{
    private readonly IPasswordHasher<object> hasher;
    private readonly SemaphoreSlim cores = new(Math.Max(1, Environment.ProcessorCount));
    private readonly Lazy<string> nobodysHash;

    public PasswordVault(IPasswordHasher<object> hasher)
    {
        this.hasher = hasher;
        nobodysHash = new Lazy<string>(() => hasher.HashPassword(this, Guid.NewGuid().ToString()));
    }

    public Task<string> HashAsync(string password, CancellationToken cancellationToken) =>
        OnCore(() => hasher.HashPassword(this, PasswordRules.Normalize(password)), cancellationToken);

    /// <summary>Takes the same time whether there is such an account or not.</summary>
    public async Task<PasswordVerificationResult> VerifyAsync(User? user, string password, CancellationToken cancellationToken)
    {
        var hash = user?.PasswordHash;
        var result = await OnCore(() => hasher.VerifyHashedPassword(this, hash ?? nobodysHash.Value, PasswordRules.Normalize(password)), cancellationToken);
        return hash is null ? PasswordVerificationResult.Failed : result;
    }

    public void Dispose() => cores.Dispose();

    private async Task<T> OnCore<T>(Func<T> work, CancellationToken cancellationToken)
    {
        await cores.WaitAsync(cancellationToken);
        try
        {
            return work();
        }
        finally
        {
            cores.Release();
        }
    }
}
