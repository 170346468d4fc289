using System.Net;
using System.Security.Cryptography;
using System.Text;
using Chassis;
using Chassis.Data;
using Chassis.Web;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Users.Tokens;

/// <summary>An attempt to sign in, as it was counted.</summary>
/// <param name="FromKnownNetwork">Whether somebody has signed in to the account from there before.</param>
/// <param name="IsLast">Whether the next attempt has to wait, should this one fail.</param>
internal readonly record struct SignInAttempt(bool FromKnownNetwork, bool IsLast);

/// <summary>
/// Makes guessing slow: after some failures an account, or a network, has to wait before the next attempt, and longer with each further one. Accounts that do
/// not exist, and clients, are throttled alike. Whoever has signed in to an account from a network before is counted apart: strangers who guess at the account,
/// or others behind the same address, do not keep the owner out.
/// </summary>
internal sealed class SignInThrottle(NpgsqlDataSource database, Envelope envelope, IOptions<UsersSettings> settings, TimeProvider clock)
{
    private readonly byte[] _bucketKey = envelope.KeyFor("users.sign-in-buckets");

    /// <summary>
    /// Counts the attempt as a failure before the password is looked at, so that as many guesses at once are no more than as many one after the other;
    /// <see cref="SucceededAsync"/> takes that back.
    /// </summary>
    /// <param name="account">E-mail address, or the id of a client.</param>
    /// <param name="address">Where the request came from; null when that is not known.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>What was counted.</returns>
    /// <exception cref="ProblemException">429: not yet.</exception>
    public async Task<SignInAttempt> AttemptAsync(string account, IPAddress? address, CancellationToken ct)
    {
        var throttle = settings.Value.Throttle;
        if (await IsKnownAsync(account, address, ct))
        {
            return new SignInAttempt(FromKnownNetwork: true, IsLast: await CountAsync(Both(account, address), throttle.AccountFailures, ct));
        }

        var isLast = await CountAsync(Network(address), throttle.AddressFailures, ct);
        try
        {
            return new SignInAttempt(FromKnownNetwork: false, IsLast: await CountAsync(Account(account), throttle.AccountFailures, ct) || isLast);
        }
        catch (ProblemException)
        {
            await UncountAsync(Network(address), ct);
            throw;
        }
    }

    /// <summary>
    /// The failures of this account from this network are forgotten, and the network is known to be the owner's from now on. Of those of the network only this
    /// one is taken back, or one good password would hide many guesses; and the account's by strangers stay, or a sign-in of its owner would let them begin
    /// anew.
    /// </summary>
    public async Task SucceededAsync(string account, IPAddress? address, SignInAttempt attempt, CancellationToken ct)
    {
        // As it was counted: another sign-in may have made the network known meanwhile.
        if (!attempt.FromKnownNetwork)
        {
            await UncountAsync(Network(address), ct);
            await UncountAsync(Account(account), ct);
        }

        await using var command = database.CreateCommand(
            """
            WITH forgotten AS (DELETE FROM sign_in_failures WHERE bucket = $1)
            INSERT INTO sign_in_networks (bucket, last_success) VALUES ($1, $2) ON CONFLICT (bucket) DO UPDATE SET last_success = excluded.last_success
            """);
        command.Parameters.AddValue(Both(account, address));
        command.Parameters.AddValue(clock.GetUtcNow());
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>The attempt was no failure, and no sign-in yet either.</summary>
    public async Task TakeBackAsync(string account, IPAddress? address, SignInAttempt attempt, CancellationToken ct)
    {
        foreach (var bucket in attempt.FromKnownNetwork ? (byte[][])[Both(account, address)] : [Network(address), Account(account)])
        {
            await UncountAsync(bucket, ct);
        }
    }

    /// <summary>Removes what is old enough to be forgotten.</summary>
    public async Task SweepAsync(CancellationToken ct)
    {
        var (throttle, now) = (settings.Value.Throttle, clock.GetUtcNow());
        await using var batch = database.CreateBatch();
        Add("DELETE FROM sign_in_failures WHERE last_failure < $1", now - throttle.Memory);
        Add("DELETE FROM sign_in_networks WHERE last_success < $1", now - throttle.NetworkMemory);
        await batch.ExecuteNonQueryAsync(ct);

        void Add(string sql, DateTimeOffset before)
        {
            var command = new NpgsqlBatchCommand(sql);
            command.Parameters.AddValue(before);
            batch.BatchCommands.Add(command);
        }
    }

    private async Task<bool> IsKnownAsync(string account, IPAddress? address, CancellationToken ct)
    {
        await using var command = database.CreateCommand("SELECT EXISTS (SELECT FROM sign_in_networks WHERE bucket = $1 AND last_success >= $2)");
        command.Parameters.AddValue(Both(account, address));
        command.Parameters.AddValue(clock.GetUtcNow() - settings.Value.Throttle.NetworkMemory);
        return await command.ExecuteScalarAsync(ct) is true;
    }

    // One statement: of many at once each sees what the one before has counted. Who has to wait is not counted.
    private async Task<bool> CountAsync(byte[] bucket, int allowed, CancellationToken ct)
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
                RETURNING blocked_until IS NOT NULL AS blocks)
            SELECT blocks, NULL FROM counted
            UNION ALL SELECT NULL, coalesce((SELECT blocked_until FROM sign_in_failures WHERE bucket = $1), $2) WHERE NOT EXISTS (SELECT FROM counted)
            """);
        command.Parameters.AddValue(bucket);
        command.Parameters.AddValue(now);
        command.Parameters.AddValue(now - throttle.Memory);
        command.Parameters.AddValue(allowed);
        command.Parameters.AddValue(throttle.FirstWait.TotalSeconds);
        command.Parameters.AddValue(throttle.LongestWait.TotalSeconds);
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        if (await reader.IsDBNullAsync(1, ct))
        {
            return reader.GetBoolean(0);
        }

        // What another attempt has blocked in this moment, this statement does not see.
        var wait = reader.GetFieldValue<DateTimeOffset>(1) - now;
        throw ProblemException.TooMany(
            "too_many_sign_ins", "Too many failed sign-ins. Wait before the next attempt.", wait > TimeSpan.Zero ? wait : throttle.FirstWait);
    }

    private async Task UncountAsync(byte[] bucket, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            "UPDATE sign_in_failures SET failures = greatest(failures - 1, 0), blocked_until = NULL WHERE bucket = $1");
        command.Parameters.AddValue(bucket);
        await command.ExecuteNonQueryAsync(ct);
    }

    private byte[] Account(string account) => Bucket($"account {account}");

    private byte[] Network(IPAddress? address) => Bucket($"network {CallerNetwork.Of(address)}");

    private byte[] Both(string account, IPAddress? address) => Bucket($"account {account} from {CallerNetwork.Of(address)}");

    private byte[] Bucket(string name) => HMACSHA256.HashData(_bucketKey, Encoding.UTF8.GetBytes(name));
}
