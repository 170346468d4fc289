using Chassis.Data;
using Microsoft.Extensions.Options;
using Notifications.Webhooks;
using Npgsql;

namespace Notifications.Features;

/// <summary>A webhook.</summary>
/// <param name="Id">The webhook.</param>
/// <param name="Url">Where deliveries go.</param>
/// <param name="EventTypes">What it gets.</param>
/// <param name="Description">For people.</param>
/// <param name="Status">active, or disabled by an operator, by a 410, or after long failure.</param>
/// <param name="DisabledReason">Why it is disabled.</param>
/// <param name="DisabledAt">Since when it is disabled.</param>
/// <param name="FailingSince">When the row of failures began that is going on; null when the last attempt succeeded.</param>
/// <param name="PausedUntil">Nothing is sent before, because too many attempts failed in a row or the endpoint asked for a pause.</param>
/// <param name="CreatedAt">When it was registered.</param>
/// <param name="UpdatedAt">When it was changed last.</param>
/// <param name="Version">Its version, as in the ETag.</param>
/// <param name="Circuit">
/// <c>closed</c>; <c>open</c> while the endpoint is left alone after failures; then <c>halfOpen</c>, with one attempt at a time until one succeeds.
/// </param>
/// <param name="SuccessRatio">
/// Share of the attempts of the last 24 hours that succeeded, of the last thousand where there were more; null without attempts.
/// </param>
internal record WebhookView(
    Guid Id, string Url, IReadOnlyList<string> EventTypes, string? Description, WebhookStatus Status, string? DisabledReason, DateTimeOffset? DisabledAt,
    DateTimeOffset? FailingSince, DateTimeOffset? PausedUntil, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt, long Version, string Circuit,
    double? SuccessRatio);

/// <summary>How deliveries to webhooks went of late, and whether they are tried at all.</summary>
internal sealed class WebhookHealth(NpgsqlDataSource database, IOptions<WebhookOptions> options, TimeProvider clock)
{
    private static readonly TimeSpan Period = TimeSpan.FromHours(24);

    public async Task<WebhookView> ViewAsync(Webhook webhook, CancellationToken ct) => (await ViewAsync([webhook], ct))[0];

    public async Task<IReadOnlyList<WebhookView>> ViewAsync(IReadOnlyList<Webhook> webhooks, CancellationToken ct)
    {
        var ratios = await SuccessRatiosAsync([.. webhooks.Select(w => w.Id)], ct);
        return
        [
            .. webhooks.Select(w => new WebhookView(
                w.Id, w.Url, w.EventTypes, w.Description, w.Status, w.DisabledReason, w.DisabledAt, w.FailingSince, w.PausedUntil, w.CreatedAt, w.UpdatedAt,
                w.Version, CircuitOf(w), ratios.TryGetValue(w.Id, out var ratio) ? ratio : null)),
        ];
    }

    // As the dispatcher claims.
    private string CircuitOf(Webhook webhook) => webhook.ConsecutiveFailures < options.Value.CircuitThreshold ? "closed"
        : webhook.PausedUntil > clock.GetUtcNow() ? "open"
        : "halfOpen";

    /// <summary>Of a thousand attempts at most each: a busy webhook makes a list no slower.</summary>
    private async Task<Dictionary<Guid, double>> SuccessRatiosAsync(Guid[] webhooks, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            SELECT wanted.id, a.ratio FROM unnest($1) AS wanted(id) CROSS JOIN LATERAL (
                SELECT avg((coalesce(status_code, 0) BETWEEN 200 AND 299)::int)::float8 AS ratio FROM (
                    SELECT status_code FROM webhook_attempts WHERE webhook_id = wanted.id AND started_at >= $2 ORDER BY started_at DESC LIMIT 1000) AS latest) AS a
            WHERE a.ratio IS NOT NULL
            """);
        command.Parameters.AddValue(webhooks);
        command.Parameters.AddValue(clock.GetUtcNow() - Period);
        var ratios = new Dictionary<Guid, double>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            ratios[reader.GetGuid(0)] = Math.Round(reader.GetDouble(1), 4);
        }

        return ratios;
    }
}
