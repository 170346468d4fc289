using System.Security.Cryptography;
using System.Text;
using Chassis.Web;
using Microsoft.Extensions.Options;
using Npgsql;
using Users.Persistence;

namespace Users.Tokens;

/// <summary>
/// Makes guessing slow: after some failures an account, or an address, has to wait before the next attempt, and longer with each further one.
/// Accounts that do not exist are throttled alike.
/// </summary>
public sealed class SignInThrottle(NpgsqlDataSource database, SecretBox box, IOptions<UsersSettings> settings, TimeProvider clock)
{
    private readonly byte[] bucketKey = box.KeyFor("users.sign-in-buckets");

    /// <summary>
    /// Counts the attempt as a failure before the password is looked at, so that as many guesses at once are no more than as many one after the other;
    /// <see cref="SucceededAsync"/> takes that back.
    /// </summary>
    /// <exception cref="ProblemException">429: not yet.</exception>
    public async Task AttemptAsync(string account, string address, CancellationToken cancellationToken)
    {
        var throttle = settings.Value.Throttle;
        await CountAsync(Address(address), throttle.AddressFailures, cancellationToken);
        try
        {
            await CountAsync(Account(account), throttle.AccountFailures, cancellationToken);
        }
        catch (ProblemException)
        {
            await UncountAsync(Address(address), cancellationToken);
            throw;
        }
    }

    /// <summary>The account's failures are forgotten; of those of the address only this one, or one good password would hide many guesses.</summary>
    public async Task SucceededAsync(string account, string address, CancellationToken cancellationToken)
    {
        await using (var command = database.CreateCommand("DELETE FROM sign_in_failures WHERE bucket = $1"))
        {
            command.Parameters.AddWithValue(Account(account));
            await command.ExecuteNonQueryAsync(cancellationToken);
        }

        await UncountAsync(Address(address), cancellationToken);
    }

    // One statement: of many at once each sees what the one before has counted. Who has to wait is not counted.
    private async Task CountAsync(byte[] bucket, int allowed, CancellationToken cancellationToken)
    {
        var throttle = settings.Value.Throttle;
        var now = clock.GetUtcNow();
        await using var command = database.CreateCommand(
            """
            WITH counted AS (
                INSERT INTO sign_in_failures AS f (bucket, failures, last_failure, blocked_until)
                VALUES ($1, 1, $2, CASE WHEN $4 <= 1 THEN $2 + make_interval(secs => $5) END)
                ON CONFLICT (bucket) DO UPDATE SET
                    failures = CASE WHEN f.last_failure < $3 THEN 1 ELSE f.failures + 1 END,
                    last_failure = $2,
                    blocked_until = CASE
                        WHEN f.last_failure >= $3 AND f.failures + 1 >= $4
                        THEN $2 + make_interval(secs => least($6, $5 * power(2, least(f.failures + 1 - $4, 20))))
                    END
                WHERE f.blocked_until IS NULL OR f.blocked_until <= $2
                RETURNING 1)
            SELECT CASE WHEN EXISTS (SELECT FROM counted) THEN NULL ELSE coalesce((SELECT blocked_until FROM sign_in_failures WHERE bucket = $1), $2) END
            """);
        command.Parameters.AddWithValue(bucket);
        command.Parameters.AddWithValue(now);
        command.Parameters.AddWithValue(now - throttle.Memory);
        command.Parameters.AddWithValue(allowed);
        command.Parameters.AddWithValue(throttle.FirstWait.TotalSeconds);
        command.Parameters.AddWithValue(throttle.LongestWait.TotalSeconds);
        if (await command.ExecuteScalarAsync(cancellationToken) is DateTime until)
        {
            var wait = until - now.UtcDateTime;
            throw new ProblemException(StatusCodes.Status429TooManyRequests, "too_many_sign_ins", "Too many failed sign-ins. Wait before the next attempt.")
            {
                // What another attempt has blocked in this moment, this statement does not see.
                RetryAfter = wait > TimeSpan.Zero ? wait : throttle.FirstWait,
            };
        }
    }

    private async Task UncountAsync(byte[] bucket, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("UPDATE sign_in_failures SET failures = greatest(failures - 1, 0), blocked_until = NULL WHERE bucket = $1");
        command.Parameters.AddWithValue(bucket);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private byte[] Account(string account) => Bucket($"account {account}");

    private byte[] Address(string address) => Bucket($"address {address}");

    private byte[] Bucket(string name) => HMACSHA256.HashData(bucketKey, Encoding.UTF8.GetBytes(name));
}
