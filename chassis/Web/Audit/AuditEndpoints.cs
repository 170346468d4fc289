using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using Chassis.Data;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Npgsql;
using NpgsqlTypes;

namespace Chassis.Web;

/// <summary>One entry of the audit.</summary>
/// <param name="Position">Its place in the audit.</param>
/// <param name="At">When it was written.</param>
/// <param name="Kind"><c>act</c> or <c>authentication</c>.</param>
/// <param name="Event">Method and route template, or the name of the event of authentication.</param>
/// <param name="UserId">Who, as the token says; null when nobody knows.</param>
/// <param name="ClientId">The client that the token was given to.</param>
/// <param name="TenantId">The tenant of who.</param>
/// <param name="Address">Where the request came from, for as long as that is kept.</param>
/// <param name="AddressHash">The same for the same address.</param>
/// <param name="Ids">About what: the values in the route, and the ids in the query.</param>
/// <param name="Reason">Why, where the request said so.</param>
/// <param name="Status">HTTP status of the answer.</param>
/// <param name="CorrelationId">Ties it to what followed.</param>
public sealed record AuditEntry(
    long Position, DateTimeOffset At, string Kind, string Event, string? UserId, string? ClientId, string? TenantId, string? Address, string? AddressHash,
    IReadOnlyDictionary<string, string> Ids, string? Reason, int Status, string CorrelationId);

/// <summary>Which entries; bind it with <c>[AsParameters]</c>.</summary>
/// <param name="Kind"><c>act</c> or <c>authentication</c>.</param>
/// <param name="Event">Method and route template, or the name of the event of authentication.</param>
/// <param name="UserId">Who.</param>
/// <param name="About">An id in the route or the query of the request.</param>
/// <param name="CorrelationId">Of the request.</param>
/// <param name="From">Written at or after this time.</param>
/// <param name="To">Written before this time.</param>
internal readonly record struct AuditFilter(
    [property: MaxLength(20)] string? Kind, [property: MaxLength(200)] string? Event, [property: MaxLength(200)] string? UserId,
    [property: MaxLength(200)] string? About,
    [property: MaxLength(200)] string? CorrelationId, DateTimeOffset? From, DateTimeOffset? To);

/// <summary><c>GET /v1/ops/audit</c></summary>
internal static class AuditEndpoints
{
    public static void Map(IEndpointRouteBuilder app) => app.MapGet("/v1/ops/audit", List).RequireOperator(Permissions.ReadAudit)
        .WithName("ListAudit").WithSummary("What operators did and who signed in, the newest first; of the caller's tenant, if the caller has one.");

    private static async Task<Ok<Page<AuditEntry>>> List(
        [AsParameters] PageQuery page, [AsParameters] AuditFilter filter, Caller caller, NpgsqlDataSource database, CancellationToken ct)
    {
        if (filter.Kind is not (null or AuditRecord.Act or AuditRecord.Authentication))
        {
            throw ProblemException.Invalid("kind", $"must be {AuditRecord.Act} or {AuditRecord.Authentication}.");
        }

        await using var command = database.CreateCommand(
            """
            SELECT position, at, kind, event, user_id, client_id, tenant_id, address, address_hash, ids::text, reason, status, correlation_id FROM audit.entries
            WHERE ($1 IS NULL OR tenant_id = $1) AND ($2 IS NULL OR kind = $2) AND ($3 IS NULL OR event = $3) AND ($4 IS NULL OR user_id = $4)
              AND ($5 IS NULL OR jsonb_path_query_array(ids, '$.*') ? $5) AND ($6 IS NULL OR correlation_id = $6)
              AND ($7::timestamptz IS NULL OR at >= $7) AND ($8::timestamptz IS NULL OR at < $8) AND ($9::bigint IS NULL OR position < $9)
            ORDER BY position DESC LIMIT $10
            """);
        foreach (var text in (string?[])[caller.TenantId, filter.Kind, filter.Event, filter.UserId, filter.About, filter.CorrelationId])
        {
            command.Parameters.AddValue(text, NpgsqlDbType.Text);
        }

        command.Parameters.AddValue(filter.From?.UtcDateTime, NpgsqlDbType.TimestampTz);
        command.Parameters.AddValue(filter.To?.UtcDateTime, NpgsqlDbType.TimestampTz);
        command.Parameters.AddValue(page.After<long>(), NpgsqlDbType.Bigint);
        command.Parameters.AddValue(page.Size + 1, NpgsqlDbType.Integer);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var rows = new List<AuditEntry>();
        while (await reader.ReadAsync(ct))
        {
            rows.Add(Read(reader));
        }

        return TypedResults.Ok(Page.Of(rows, page, row => row.Position));
    }

    private static AuditEntry Read(NpgsqlDataReader reader)
    {
        return new AuditEntry(
            reader.GetInt64(0), reader.GetFieldValue<DateTimeOffset>(1), reader.GetString(2), reader.GetString(3), Text(4), Text(5), Text(6), Text(7), Text(8),
            JsonSerializer.Deserialize<Dictionary<string, string>>(reader.GetString(9))!, Text(10), reader.GetInt32(11), reader.GetString(12));

        string? Text(int column) => reader.IsDBNull(column) ? null : reader.GetString(column);
    }
}
