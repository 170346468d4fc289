using Chassis.Data;
using Contracts.Events;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Chassis.Messaging.Erasure;

/// <summary>
/// Erases again what messages that were under way at an erasure left behind since: an event that was committed beside it, a command that became a dead letter
/// later.
/// </summary>
internal sealed class LateTraces(
    NpgsqlDataSource database, EventCatalogue catalogue, IOptions<MessagingOptions> options, TimeProvider clock, ILogger<LateTraces> logger)
    : PeriodicService(clock, logger)
{
    // Longer than any message is redelivered by itself.
    private static readonly TimeSpan Watch = TimeSpan.FromDays(30);

    protected override TimeSpan Interval => options.Value.LateTracesInterval;

    protected override Task RunOnceAsync(CancellationToken ct) => EraseAsync(ct);

    /// <summary>Once for everybody who was erased within the last 30 days.</summary>
    public async Task EraseAsync(CancellationToken ct)
    {
        var erasures = new List<Guid[]>();
        await using (var command = database.CreateCommand("SELECT about FROM messaging.erasures WHERE erased_at > now() - $1"))
        {
            command.Parameters.AddValue(Watch);
            await using var reader = await command.ExecuteReaderAsync(ct);
            while (await reader.ReadAsync(ct))
            {
                erasures.Add(reader.GetFieldValue<Guid[]>(0));
            }
        }

        foreach (var about in erasures)
        {
            await using var connection = await database.OpenConnectionAsync(ct);
            await using var transaction = await connection.BeginTransactionAsync(ct);
            await PersonalData.EraseAsync(transaction, about, new Redaction(catalogue), ct);
            await transaction.CommitAsync(ct);
        }
    }
}
