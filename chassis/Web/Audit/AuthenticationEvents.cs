using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace Chassis.Web;

/// <summary>Records what happens at the doors in the audit. Scoped to the request.</summary>
public sealed class AuthenticationEvents(AuditTrail trail, DbContext db, IHttpContextAccessor http)
{
    /// <summary>
    /// Records the event before the answer leaves. What succeeded is recorded in the transaction that is open on the service's context, if there is one; what
    /// failed is recorded at once and apart, since it is to stay when everything else is rolled back.
    /// </summary>
    /// <exception cref="NpgsqlException">It could not be recorded; the request should fail.</exception>
    public Task RecordAsync(AuthenticationEvent happened, CancellationToken ct)
    {
        var record = new AuditRecord(AuditRecord.Authentication, JsonNamingPolicy.KebabCaseLower.ConvertName(happened.Kind.ToString()), happened.Status)
        {
            UserId = happened.UserId,
            ClientId = happened.ClientId,
            TenantId = happened.TenantId,
            Address = http.HttpContext?.Connection.RemoteIpAddress?.ToString(),
            Ids = happened.Account is null ? [] : new Dictionary<string, string> { ["account"] = trail.Hash(happened.Account) },
        };
        return happened.Status < StatusCodes.Status400BadRequest && db.Database.CurrentTransaction?.GetDbTransaction() is NpgsqlTransaction transaction
            ? trail.WriteAsync(record, transaction, ct)
            : trail.WriteAsync(record);
    }

    /// <summary>Records an attempt that failed, and that the next one has to wait, if it has.</summary>
    public async Task RecordFailureAsync(AuthenticationEvent failed, bool isLast, CancellationToken ct)
    {
        await RecordAsync(failed, ct);
        if (isLast)
        {
            await RecordAsync(failed with { Kind = AuthenticationEventKind.Lockout, Status = StatusCodes.Status429TooManyRequests }, ct);
        }
    }
}
