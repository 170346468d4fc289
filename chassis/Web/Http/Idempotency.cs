using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Chassis.Data;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using NpgsqlTypes;

namespace Chassis.Web;

/// <summary>Marks an endpoint that honours the <c>Idempotency-Key</c> header; the body is buffered for it.</summary>
internal sealed class IdempotencyMetadata;

/// <summary>What was answered the first time.</summary>
internal sealed record StoredAnswer(int Status, Dictionary<string, string> Headers, byte[] Body);

public static partial class Idempotency
{
    public const string Header = "Idempotency-Key";
    public const string ReplayedHeader = "Idempotency-Replayed";
    public const int MaxKeyLength = 255;

    /// <summary>
    /// With an <c>Idempotency-Key</c>, the handler runs in one transaction with the key: its effects and the memory of its answer are there together or not at
    /// all. A key in progress is 409, a key with another request is 422. An answer of 400 or more leaves nothing behind, so that the request can be repeated.
    /// </summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="prepare">
    /// What takes long and touches no data, such as hashing a password: done before the transaction, so that no connection waits for it.
    /// </param>
    /// <param name="shownOnce">Members of the answer that are secrets: they are not stored, and a repetition is answered without them.</param>
    public static RouteHandlerBuilder WithIdempotencyKey(
        this RouteHandlerBuilder endpoint, Func<EndpointFilterInvocationContext, Task>? prepare = null, params string[] shownOnce) =>
        endpoint.WithMetadata(new IdempotencyMetadata()).AddEndpointFilter(async (context, next) =>
        {
            var http = context.HttpContext;
            return http.Request.Headers.TryGetValue(Header, out var key)
                ? await RunAsync(http, key.ToString(), prepare is null ? null : () => prepare(context), shownOnce, () => next(context))
                : await next(context);
        });

    internal const string ForgetSql = "DELETE FROM idempotency_keys WHERE caller = {0} OR ids @> ARRAY[{1}] OR (ids IS NULL AND ids_in(body) @> ARRAY[{1}])";

    /// <summary>Forgets stored answers that were given to a person, or name the person.</summary>
    public static Task ForgetAsync(DbContext db, Guid person, CancellationToken ct) =>
        db.Database.ExecuteSqlRawAsync(ForgetSql, [person.ToString(), person], ct);

    /// <summary>Removes answers that are older than <see cref="Lifetime"/>.</summary>
    internal static Task<int> SweepAsync(DbContext db, DateTimeOffset now, CancellationToken ct) =>
        db.Database.ExecuteSqlAsync($"DELETE FROM idempotency_keys WHERE created_at < {now - StoredAnswers.Lifetime}", ct);

    private static async Task<object?> RunAsync(HttpContext http, string key, Func<Task>? prepare, string[] shownOnce, Func<ValueTask<object?>> handler)
    {
        if (key.Length is 0 or > MaxKeyLength || key.Any(c => c is < ' ' or > '~'))
        {
            throw ProblemException.Invalid(Header, $"must have 1 to {MaxKeyLength} printable ASCII characters.");
        }

        var cancelled = http.RequestAborted;
        var db = http.RequestServices.GetRequiredService<DbContext>();
        var now = http.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow();
        // Whoever has not signed in shares the keys of one network with nobody else's.
        var caller = http.User.FindFirst(Claims.Subject)?.Value ?? $"anonymous {CallerNetwork.Of(http.Connection.RemoteIpAddress)}";
        var fingerprint = await FingerprintAsync(http, key, cancelled);
        if (prepare is not null && await PrepareAsync() is { } early)
        {
            return early;
        }

        await using var transaction = await db.Database.BeginTransactionAsync(cancelled);
        if (!await TryLockAsync(db, caller, key, cancelled))
        {
            throw new ProblemException(StatusCodes.Status409Conflict, "idempotency_key_in_progress", "A request with this Idempotency-Key is still in progress.")
            {
                RetryAfter = TimeSpan.FromSeconds(1),
            };
        }

        if (await LookAsync() is { } known)
        {
            return known;
        }

        await http.RequestServices.GetRequiredService<StoredAnswersQuota>().CheckAsync(db, caller, cancelled);
        var answer = await CaptureAsync(http, await handler());
        if (answer.Status < StatusCodes.Status400BadRequest)
        {
            await StoreAsync(db, caller, key, fingerprint, Without(shownOnce, answer), now, cancelled);
            await transaction.CommitAsync(cancelled);
        }

        return new ReplayResult(answer, replayed: false);

        async Task<ReplayResult?> LookAsync()
        {
            if (await FindAsync(db, caller, key, now - StoredAnswers.Lifetime, cancelled) is not { } found)
            {
                return null;
            }

            return CryptographicOperations.FixedTimeEquals(found.Fingerprint, fingerprint)
                ? new ReplayResult(found.Answer, replayed: true)
                : throw new ProblemException(
                    StatusCodes.Status422UnprocessableEntity, "idempotency_key_reused", "This Idempotency-Key was used with another request.");
        }

        async Task<ReplayResult?> PrepareAsync()
        {
            if (await LookAsync() is { } known)
            {
                return known;
            }

            try
            {
                await prepare();
                return null;
            }
            catch (ProblemException)
            {
                // It may be what the first request with this key has done since.
                if (await LookAsync() is { } late)
                {
                    return late;
                }

                throw;
            }
        }
    }

    private static async Task<byte[]> FingerprintAsync(HttpContext http, string key, CancellationToken ct)
    {
        var request = http.Request;
        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, http.RequestServices.GetRequiredService<IdempotencySecret>().Key);
        hash.AppendData(Encoding.UTF8.GetBytes($"{key}\n{request.Method} {request.Path}{request.QueryString}\n"));
        request.Body.Position = 0;
        var buffer = new byte[16 * 1024];
        int read;
        while ((read = await request.Body.ReadAsync(buffer, ct)) > 0)
        {
            hash.AppendData(buffer, 0, read);
        }

        return hash.GetHashAndReset();
    }

    private static async Task<bool> TryLockAsync(DbContext db, string caller, string key, CancellationToken ct)
    {
        var id = BitConverter.ToInt64(SHA256.HashData(Encoding.UTF8.GetBytes($"{caller}\n{key}")));
        await using var command = StoredAnswers.Command(db, "SELECT pg_try_advisory_xact_lock($1)");
        command.Parameters.AddValue(id);
        return (bool)(await command.ExecuteScalarAsync(ct))!;
    }

    private static async Task<(byte[] Fingerprint, StoredAnswer Answer)?> FindAsync(
        DbContext db, string caller, string key, DateTimeOffset notBefore, CancellationToken ct)
    {
        await using var open = await OpenAsync(db, ct);
        await using var command = StoredAnswers.Command(
            db, "SELECT fingerprint, status, headers, body FROM idempotency_keys WHERE caller = $1 AND key = $2 AND created_at >= $3");
        command.Parameters.AddValue(caller);
        command.Parameters.AddValue(key);
        command.Parameters.AddValue(notBefore);
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct)
            ? (reader.GetFieldValue<byte[]>(0), new StoredAnswer(
                reader.GetInt32(1), JsonSerializer.Deserialize<Dictionary<string, string>>(reader.GetString(2))!, reader.GetFieldValue<byte[]>(3)))
            : null;
    }

    private static StoredAnswer Without(string[] members, StoredAnswer answer)
    {
        if (members.Length == 0 || JsonNode.Parse(answer.Body) is not JsonObject body)
        {
            return answer;
        }

        foreach (var member in members)
        {
            body.Remove(member);
        }

        return answer with { Body = JsonSerializer.SerializeToUtf8Bytes(body) };
    }

    private static async Task StoreAsync(
        DbContext db, string caller, string key, byte[] fingerprint, StoredAnswer answer, DateTimeOffset now, CancellationToken ct)
    {
        await using var command = StoredAnswers.Command(
            db,
            """
            INSERT INTO idempotency_keys (caller, key, fingerprint, status, headers, body, ids, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            ON CONFLICT (caller, key) DO UPDATE SET
                fingerprint = excluded.fingerprint, status = excluded.status, headers = excluded.headers, body = excluded.body, ids = excluded.ids, created_at = excluded.created_at
            """);
        command.Parameters.AddValue(caller);
        command.Parameters.AddValue(key);
        command.Parameters.AddValue(fingerprint);
        command.Parameters.AddValue(answer.Status);
        command.Parameters.AddValue(JsonSerializer.Serialize(answer.Headers), NpgsqlDbType.Jsonb);
        command.Parameters.AddValue(answer.Body);
        command.Parameters.AddValue(IdsIn(answer.Body));
        command.Parameters.AddValue(now);
        await command.ExecuteNonQueryAsync(ct);
    }

    private static Guid[] IdsIn(byte[] body) => [.. Ids().Matches(Encoding.UTF8.GetString(body)).Select(id => Guid.Parse(id.ValueSpan)).Distinct()];

    [GeneratedRegex("[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")]
    private static partial Regex Ids();

    /// <summary>The context's connection, for as long as it is needed; in a transaction it is open anyway.</summary>
    private static async Task<IAsyncDisposable> OpenAsync(DbContext db, CancellationToken ct)
    {
        await db.Database.OpenConnectionAsync(ct);
        return new OpenConnection(db);
    }

    private sealed class OpenConnection(DbContext db) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync() => await db.Database.CloseConnectionAsync();
    }

    /// <summary>Executes the handler's result into memory.</summary>
    private static async Task<StoredAnswer> CaptureAsync(HttpContext http, object? result)
    {
        var original = http.Response.Body;
        using var memory = new MemoryStream();
        http.Response.Body = memory;
        try
        {
            await (result switch
            {
                IResult executable => executable.ExecuteAsync(http),
                null => Task.CompletedTask,
                _ => http.Response.WriteAsJsonAsync(result, result.GetType(), http.RequestAborted),
            });
            await http.Response.BodyWriter.FlushAsync(http.RequestAborted);
        }
        finally
        {
            http.Response.Body = original;
        }

        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var name in (string[])["Content-Type", "Location", "ETag"])
        {
            if (http.Response.Headers.TryGetValue(name, out var value))
            {
                headers[name] = value.ToString();
            }
        }

        return new StoredAnswer(http.Response.StatusCode, headers, memory.ToArray());
    }

    private sealed class ReplayResult(StoredAnswer answer, bool replayed) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            var response = httpContext.Response;
            response.StatusCode = answer.Status;
            foreach (var (name, value) in answer.Headers)
            {
                response.Headers[name] = value;
            }

            if (replayed)
            {
                response.Headers[ReplayedHeader] = "true";
            }

            response.ContentLength = answer.Body.Length > 0 ? answer.Body.Length : null;
            return answer.Body.Length > 0 ? response.Body.WriteAsync(answer.Body, httpContext.RequestAborted).AsTask() : Task.CompletedTask;
        }
    }
}
