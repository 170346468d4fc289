using Npgsql;

namespace Chassis.Messaging.DeadLetters;

/// <param name="Open">Dead letters that nobody has dealt with; 10,001 stands for more than 10,000.</param>
/// <param name="Parked">Dead letters that somebody has put aside, counted in the same way.</param>
/// <param name="NewestAt">When the last of the open ones failed.</param>
internal sealed record DeadLettersSummary(long Open, long Parked, DateTimeOffset? NewestAt);

/// <summary>How many there are, quickly: for whoever asks often.</summary>
internal sealed class DeadLetterFigures(NpgsqlDataSource database)
{
    private const string Sql =
        """
        SELECT (SELECT count(*) FROM (SELECT FROM messaging.dead_letters WHERE status = 'open' LIMIT 10001) AS open),
               (SELECT count(*) FROM (SELECT FROM messaging.dead_letters WHERE status = 'parked' LIMIT 10001) AS parked),
               (SELECT failed_at FROM messaging.dead_letters WHERE status = 'open' ORDER BY failed_at DESC LIMIT 1)
        """;

    public async Task<DeadLettersSummary> ReadAsync(CancellationToken ct)
    {
        await using var command = database.CreateCommand(Sql);
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        return new DeadLettersSummary(
            reader.GetInt64(0), reader.GetInt64(1), await reader.IsDBNullAsync(2, ct) ? null : reader.GetFieldValue<DateTimeOffset>(2));
    }
}
