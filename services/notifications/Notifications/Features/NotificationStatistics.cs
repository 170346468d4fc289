using Chassis;
using Chassis.Data;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;
using NpgsqlTypes;

namespace Notifications.Features;

internal sealed record TemplateStatistics(string Template, long Sent, long Failed, long Suppressed, long Pending);

/// <param name="WebhookId">The webhook.</param>
/// <param name="Url">Its endpoint.</param>
/// <param name="Deliveries">Deliveries that came to an end or are pending.</param>
/// <param name="Succeeded">Deliveries that the endpoint took.</param>
/// <param name="Failed">Deliveries that were given up.</param>
/// <param name="Pending">Deliveries that are still tried.</param>
/// <param name="Attempts">Attempts made.</param>
/// <param name="SuccessRatio">Share of the attempts that succeeded; null without attempts.</param>
/// <param name="LatencyMs">How long the endpoint takes; null without attempts.</param>
internal sealed record EndpointStatistics(
    Guid WebhookId, string Url, long Deliveries, long Succeeded, long Failed, long Pending, long Attempts, double? SuccessRatio, LatencyStatistics? LatencyMs);

internal sealed record LatencyStatistics(double Mean, double P50, double P95, double P99);

/// <summary>What left the system between two times.</summary>
internal sealed record NotificationStatisticsView(
    DateTimeOffset From, DateTimeOffset To, long Sent, long Failed, long Suppressed, long Pending,
    IReadOnlyList<TemplateStatistics> ByTemplate, IReadOnlyList<EndpointStatistics> Webhooks);

internal static class NotificationStatistics
{
    private static readonly TimeSpan DefaultPeriod = TimeSpan.FromDays(30);

    public static RouteHandlerBuilder Map(IEndpointRouteBuilder app) => app.MapGet("/v1/statistics/notifications", Get).RequireOperator(Permissions.ReadReports)
            .WithName("NotificationStatistics").WithSummary("Mails and webhooks by outcome, with how long they took.");

    private static async Task<Ok<NotificationStatisticsView>> Get(
        DateTimeOffset? from, DateTimeOffset? to, NpgsqlDataSource database, TimeProvider clock, CancellationToken ct)
    {
        var end = (to ?? clock.GetUtcNow()).ToUniversalTime();
        var start = (from ?? end - DefaultPeriod).ToUniversalTime();
        new Validator().Check(end > start, "to", "must be later than from.").ThrowIfInvalid();
        var templates = await ByTemplateAsync(database, start, end, ct);
        return TypedResults.Ok(new NotificationStatisticsView(
            start, end, templates.Sum(t => t.Sent), templates.Sum(t => t.Failed), templates.Sum(t => t.Suppressed), templates.Sum(t => t.Pending),
            templates, await ByEndpointAsync(database, start, end, ct)));
    }

    private static async Task<List<TemplateStatistics>> ByTemplateAsync(NpgsqlDataSource database, DateTimeOffset from, DateTimeOffset to, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            SELECT template, count(*) FILTER (WHERE status = 'sent'), count(*) FILTER (WHERE status = 'failed'),
                count(*) FILTER (WHERE status = 'suppressed'), count(*) FILTER (WHERE status = 'pending')
            FROM mails WHERE created_at >= $1 AND created_at <= $2 AND ($3 IS NULL OR tenant_id = $3) GROUP BY template ORDER BY template
            """);
        command.Parameters.AddValue(from);
        command.Parameters.AddValue(to);
        command.Parameters.AddValue(OperationContext.Current.TenantId, NpgsqlDbType.Text);
        var result = new List<TemplateStatistics>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            result.Add(new TemplateStatistics(reader.GetString(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(4)));
        }

        return result;
    }

    private static async Task<List<EndpointStatistics>> ByEndpointAsync(NpgsqlDataSource database, DateTimeOffset from, DateTimeOffset to, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            SELECT w.id, w.url, d.total, d.succeeded, d.failed, d.pending, a.total,
                a.delivered::double precision / nullif(a.total, 0), a.mean, a.p[1], a.p[2], a.p[3]
            FROM webhooks w
            CROSS JOIN LATERAL (
                SELECT count(*) AS total, count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
                    count(*) FILTER (WHERE status = 'failed') AS failed, count(*) FILTER (WHERE status = 'pending') AS pending
                FROM webhook_deliveries WHERE webhook_id = w.id AND created_at >= $1 AND created_at <= $2) d
            CROSS JOIN LATERAL (
                SELECT count(*) AS total, count(*) FILTER (WHERE status_code BETWEEN 200 AND 299) AS delivered, avg(latency_ms) AS mean,
                    percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY latency_ms) AS p
                FROM webhook_attempts WHERE webhook_id = w.id AND started_at >= $1 AND started_at <= $2) a
            WHERE $3 IS NULL OR w.tenant_id = $3
            ORDER BY w.id
            """);
        command.Parameters.AddValue(from);
        command.Parameters.AddValue(to);
        command.Parameters.AddValue(OperationContext.Current.TenantId, NpgsqlDbType.Text);
        var result = new List<EndpointStatistics>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            result.Add(new EndpointStatistics(
                reader.GetGuid(0), reader.GetString(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(4), reader.GetInt64(5), reader.GetInt64(6),
                reader.IsDBNull(7) ? null : Math.Round(reader.GetDouble(7), 4),
                reader.IsDBNull(8) ? null : new LatencyStatistics(Ms(8), Ms(9), Ms(10), Ms(11))));
        }

        return result;

        double Ms(int i) => Math.Round(reader.GetDouble(i), 1);
    }
}
