using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace Chassis.Redis;

/// <summary>Counts that all replicas of a service share, each for a time.</summary>
public sealed class SharedCounts(RedisLink link, ServiceIdentity service, IOptions<RedisSettings> settings)
{
    // In one step, so that no count is ever left behind without an end.
    private const string CountOne =
        """
        local count = redis.call('INCR', KEYS[1])
        if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
        return count
        """;

    // Addresses are few enough to try them all, so that a plain hash would hide none. This key is known to whoever may ask Redis, and is not stored there.
    private readonly byte[] _key = SHA256.HashData(Encoding.UTF8.GetBytes($"{service.Name} {settings.Value.ToOptions().Password}"));

    /// <summary>Whether the next count is likely to be a shared one.</summary>
    public bool IsUp => link.IsUp;

    /// <summary>Counts one more.</summary>
    /// <param name="what">What is counted, a word.</param>
    /// <param name="whose">Whose it is; does not get into Redis as it is.</param>
    /// <param name="period">Number of the period that it is counted for.</param>
    /// <param name="keptFor">From the first count on; longer than the period.</param>
    /// <returns>How many there are now, in all replicas; null while Redis is away.</returns>
    public async Task<long?> CountAsync(string what, string whose, long period, TimeSpan keptFor) =>
        await link.TryAsync(async redis => (long)await redis.ScriptEvaluateAsync(
            CountOne, [KeyOf(what, whose, period)], [(long)keptFor.TotalMilliseconds]));

    internal RedisKey KeyOf(string what, string whose, long period) =>
        $"{service.Name}:{what}:{Convert.ToHexStringLower(HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes(whose)).AsSpan(0, 16))}:{period}";
}
