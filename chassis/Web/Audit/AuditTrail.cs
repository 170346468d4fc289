using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Chassis.Data;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace Chassis.Web;

/// <summary>
/// Writes what operators do, and what happens at the doors, into the audit, and tells of it in the log. ADR: docs/adr/0027-operators-acts-are-recorded.md.
/// </summary>
public sealed partial class AuditTrail : IAuditedCommit
{
    // Longer than any healthy insert takes; a caller that hangs up does not end it.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly NpgsqlDataSource _database;
    private readonly IHttpContextAccessor _http;
    private readonly ILogger<AuditTrail> _logger;
    private readonly byte[] _key;

    public AuditTrail(NpgsqlDataSource database, IHttpContextAccessor http, IConfiguration configuration, ILogger<AuditTrail> logger)
    {
        (this._database, this._http, this._logger) = (database, http, logger);
        _key = ServiceKey.Derive(configuration, "audit");
    }

    /// <summary>Whether a request is at hand whose changes have to be recorded with them.</summary>
    internal bool IsDue => AuditedCall.Of(_http.HttpContext) is { Writes: true, Recorded: null };

    /// <summary>Commits what an operator changes, and with it that it was this operator.</summary>
    /// <exception cref="NpgsqlException">It could not be recorded, and is not done.</exception>
    public async Task CommitAsync(NpgsqlTransaction transaction, CancellationToken ct)
    {
        await JoinAsync(transaction, ct);
        await transaction.CommitAsync(ct);
        Joined(committed: true);
    }

    /// <summary>A keyed hash: the same for the same text, and nothing that can be guessed without the key.</summary>
    internal string Hash(string text) => Convert.ToHexStringLower(HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes(text)).AsSpan(0, 16));

    /// <summary>
    /// Records the request at hand in a transaction that is about to be committed; nothing when there is none to record, or it has been already.
    /// </summary>
    internal async Task JoinAsync(NpgsqlTransaction transaction, CancellationToken ct)
    {
        if (AuditedCall.Of(_http.HttpContext) is { Writes: true, Recorded: null } call)
        {
            await WriteAsync(call.Record(call.ExpectedStatus), transaction, ct);
            call.Joined = call.ExpectedStatus;
        }
    }

    /// <summary>Tells how the transaction ended that <see cref="JoinAsync"/> was for.</summary>
    internal void Joined(bool committed)
    {
        if (AuditedCall.Of(_http.HttpContext) is { Joined: not null } call)
        {
            (call.Recorded, call.Joined) = (committed ? call.Joined : call.Recorded, null);
        }
    }

    /// <summary>Records a request that is about to be answered, unless it is on record with this status.</summary>
    internal async Task CompleteAsync(AuditedCall call, int status)
    {
        if (call.Recorded != status)
        {
            await WriteAsync(call.Record(status));
            call.Recorded = status;
        }
    }

    /// <summary>Records in a transaction of its own.</summary>
    internal async Task WriteAsync(AuditRecord record)
    {
        using var patience = new CancellationTokenSource(Patience);
        await using var connection = await _database.OpenConnectionAsync(patience.Token);
        await InsertAsync(record, connection, null, patience.Token);
    }

    internal Task WriteAsync(AuditRecord record, NpgsqlTransaction transaction, CancellationToken ct) =>
        InsertAsync(record, transaction.Connection!, transaction, ct);

    private async Task InsertAsync(AuditRecord record, NpgsqlConnection connection, NpgsqlTransaction? transaction, CancellationToken ct)
    {
        var (addressHash, ids) = (record.Address is null ? null : Hash(record.Address), JsonSerializer.Serialize(record.Ids));
        await using var command = new NpgsqlCommand(
            """
            INSERT INTO audit.entries (kind, event, user_id, client_id, tenant_id, address, address_hash, ids, reason, status, correlation_id)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            """,
            connection,
            transaction);
        foreach (var text in (string?[])[record.Kind, record.Event, record.UserId, record.ClientId, record.TenantId, record.Address, addressHash])
        {
            command.Parameters.AddValue(text, NpgsqlDbType.Text);
        }

        command.Parameters.AddValue(ids, NpgsqlDbType.Jsonb);
        command.Parameters.AddValue(record.Reason, NpgsqlDbType.Text);
        command.Parameters.AddValue(record.Status);
        command.Parameters.AddValue(record.CorrelationId);
        await command.ExecuteNonQueryAsync(ct);
        LogRecorded(_logger, record.Kind, record.Event, record.Status, record.UserId, record.ClientId, record.TenantId, ids, addressHash);
    }

    // No address and no reason: a log is read by more people, and kept in more places.
    [LoggerMessage(1601, LogLevel.Information, "Audit: {Kind} {Event} {Status} user={User} client={Client} tenant={Tenant} ids={Ids} address={AddressHash}",
        EventName = "audit.recorded")]
    private static partial void LogRecorded(
        ILogger logger, string kind, string @event, int status, string? user, string? client, string? tenant, string ids, string? addressHash);
}
