using System.ComponentModel.DataAnnotations;
using System.Text;
using System.Text.Json;
using Chassis.Messaging.DeadLetters;
using Chassis.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Chassis.Messaging.Operations;

/// <summary>One dead letter with all that is known of it. The body is JSON where it can be read as such, else base64 text.</summary>
/// <param name="Processed">Whether the inbox has the message of everybody who takes it: sending it again does nothing.</param>
/// <param name="Schema">JSON Schema of the body, where the service knows the type.</param>
/// <param name="Notes">What operators have written beside it: at, by, text.</param>
public sealed record DeadLetterDetails(
    Guid Id, string MessageId, string Type, string Queue, string Reason, string Fingerprint, DeadLetterException? Exception,
    string Status, int Failures, DateTimeOffset FirstFailedAt, DateTimeOffset FailedAt,
    string ContentType, IReadOnlyDictionary<string, string> Headers, JsonElement Body, JsonElement History, bool Processed, JsonElement? Schema,
    JsonElement Notes);

public sealed record DeadLetterException(string? Type, string? Message, string? StackTrace);

internal static class DeadLetterEndpoints
{
    /// <summary>Characters of a name on the broker, and of what is derived from one.</summary>
    internal const int Longest = 255;

    private static readonly string[] Statuses = ["open", "parked", "retried", "deleted"];

    public static void Map(RouteGroupBuilder ops)
    {
        var letters = ops.MapGroup("/dead-letters");
        letters.MapGet(string.Empty, List)
            .RequireSystemOperator(Permissions.ReadOperations)
            .WithName("ListDeadLetters")
            .WithSummary("Messages that were given up, the newest first.");
        letters.MapGet("/{id:guid}", Get)
            .RequireSystemOperator(Permissions.ReadOperations, Permissions.ReadPersonalData)
            .WithName("GetDeadLetter")
            .WithSummary("One of them with body, headers, exception and history.");
        letters.MapGet("/groups", ListGroups)
            .RequireSystemOperator(Permissions.ReadOperations)
            .WithName("ListDeadLetterGroups")
            .WithSummary("The same by cause, with the failures of the last 24 hours; the cause with the most first.");
        DeadLetterActEndpoints.Map(letters);
        RetryEndpoints.Map(letters);
    }

    private static async Task<Ok<Page<DeadLetterSummary>>> List(
        [AsParameters] PageQuery page, DeadLetterQueries letters, [MaxLength(Longest)] string? queue, [MaxLength(Longest)] string? type,
        [MaxLength(Longest)] string? fingerprint,
        [MaxLength(Longest)] string? reason, [MaxLength(Longest)] string? status, Guid? orderId, [MaxLength(Longest)] string? messageId, CancellationToken ct)
    {
        var filter = new DeadLetterFilter(queue, type, fingerprint, reason, StatusOf(status), orderId, messageId);
        var rows = await letters.ListAsync(filter, page.After<DeadLetterCursor>(), page.Size + 1, ct);
        return TypedResults.Ok(Page.Of(rows, page, row => new DeadLetterCursor(row.FailedAt, row.Id)));
    }

    private static async Task<Ok<Page<DeadLetterGroup>>> ListGroups(
        [AsParameters] PageQuery page, DeadLetterQueries letters, [MaxLength(Longest)] string? queue, [MaxLength(Longest)] string? type,
        [MaxLength(Longest)] string? reason, [MaxLength(Longest)] string? status, CancellationToken ct)
    {
        var filter = new DeadLetterFilter(queue, type, null, reason, StatusOf(status));
        var rows = await letters.GroupAsync(filter, page.After<DeadLetterGroupCursor>(), page.Size + 1, ct);
        return TypedResults.Ok(Page.Of(rows, page, row => new DeadLetterGroupCursor(row.Count, row.Fingerprint, row.Queue, row.Type, row.Reason)));
    }

    private static string StatusOf(string? status) => status is null || Statuses.Contains(status)
        ? status ?? "open"
        : throw ProblemException.Invalid("status", $"must be one of {string.Join(", ", Statuses)}.");

    private static async Task<Ok<DeadLetterDetails>> Get(Guid id, DeadLetterQueries letters, CancellationToken ct)
    {
        var found = await letters.FindAsync(id, ct) ?? throw ProblemException.NotFound("There is no such dead letter.");
        var summary = found.Summary;
        return TypedResults.Ok(new DeadLetterDetails(
            summary.Id, summary.MessageId, summary.Type, summary.Queue, summary.Reason, summary.Fingerprint,
            summary.ExceptionType is null && summary.ExceptionMessage is null
                ? null
                : new DeadLetterException(summary.ExceptionType, summary.ExceptionMessage, found.StackTrace),
            summary.Status, summary.Failures, summary.FirstFailedAt, summary.FailedAt,
            found.ContentType, found.Headers, Readable(found.Body), JsonElement.Parse(found.History), found.Processed, found.Schema,
            JsonElement.Parse(found.Notes)));
    }

    private static JsonElement Readable(byte[] body)
    {
        try
        {
            return JsonElement.Parse(body);
        }
        catch (JsonException)
        {
            return JsonSerializer.SerializeToElement(IsText(body) ? Encoding.UTF8.GetString(body) : Convert.ToBase64String(body));
        }
    }

    private static bool IsText(byte[] body) => System.Text.Unicode.Utf8.IsValid(body) && !body.Contains((byte)0);
}
