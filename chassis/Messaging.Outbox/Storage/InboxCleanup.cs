using Chassis.Data;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;

namespace Chassis.Messaging.Storage;

/// <summary>
/// Forgets message ids after their time: a week of them at once, and those whose ids say no time a few thousand at once, so that nobody waits for it.
/// </summary>
internal sealed class InboxCleanup(NpgsqlDataSource database, IOptions<MessagingOptions> options, TimeProvider clock, ILogger<InboxCleanup> logger)
    : PeriodicService(clock, logger)
{
    private const int Batch = 5_000;
    private static readonly TimeSpan PauseBetweenBatches = TimeSpan.FromMilliseconds(100);

    private const string Table = "messaging.inbox";

    private static readonly string Sql =
        $"""
        DELETE FROM messaging.inbox USING ({Flush.NotAwaited}) AS flush, (SELECT set_config('messaging.sweep', 'on', true)) AS sweep
        WHERE received_at < now() - $1 AND message_id = ANY(ARRAY(
            SELECT message_id FROM messaging.inbox WHERE received_at < now() - $1 AND {Partitions.OutsideOf(Table, "message_id")} LIMIT $2 FOR UPDATE SKIP LOCKED))
        """;

    protected override TimeSpan Interval { get; } = TimeSpan.FromMinutes(30);

    protected override async Task RunOnceAsync(CancellationToken ct)
    {
        await database.DropPartitionsAsync(Table, options.Value.InboxRetention, ct);
        while (await CleanAsync(ct) >= Batch)
        {
            await Task.Delay(PauseBetweenBatches, Clock, ct);
        }
    }

    /// <summary>One batch of what no week has; as many rows as that were there, or fewer when nothing is left.</summary>
    public async Task<int> CleanAsync(CancellationToken ct)
    {
        await using var command = database.CreateCommand(Sql);
        command.Parameters.AddValue(options.Value.InboxRetention, NpgsqlDbType.Interval);
        command.Parameters.AddValue(Batch);
        return await command.ExecuteNonQueryAsync(ct);
    }
}
