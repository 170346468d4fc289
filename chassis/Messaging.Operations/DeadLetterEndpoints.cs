using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Chassis.Messaging.DeadLetters;
using Chassis.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Validator = Chassis.Web.Validator;

namespace Chassis.Messaging.Operations;

/// <summary>One dead letter with all that is known of it. The body is JSON where it can be read as such, else base64 text.</summary>
public sealed record DeadLetterDetails(
    Guid Id, string MessageId, string Type, string Queue, string Reason, string Fingerprint, DeadLetterException? Exception,
    string Status, int Failures, DateTimeOffset FirstFailedAt, DateTimeOffset FailedAt,
    string ContentType, IReadOnlyDictionary<string, string> Headers, JsonElement Body, JsonElement History);

public sealed record DeadLetterException(string? Type, string? Message, string? StackTrace);

/// <summary>Which dead letters to send again. Without any filter: all that are open.</summary>
/// <param name="Queue">Only of this queue.</param>
/// <param name="Type">Only of this message type.</param>
/// <param name="Fingerprint">Only of this cause.</param>
/// <param name="Reason">Only with this reason: failed, invalid, skipped, undeliverable or forged.</param>
/// <param name="Rate">Messages a second at most; without it all at once.</param>
/// <param name="Limit">How many at most, the oldest first; 10,000 without it, and no more with it.</param>
public sealed record RetryDeadLetters(
    [property: MaxLength(DeadLetterEndpoints.Longest)] string? Queue = null,
    [property: MaxLength(DeadLetterEndpoints.Longest)] string? Type = null,
    [property: MaxLength(DeadLetterEndpoints.Longest)] string? Fingerprint = null,
    [property: MaxLength(DeadLetterEndpoints.Longest)] string? Reason = null,
    [property: Range(0.001, 10_000, ErrorMessage = "must be above 0 and at most 10000 messages a second.")] double? Rate = null,
    [property: Range(1, DeadLetterEndpoints.MostAtOnce)] int? Limit = null);

/// <param name="Retried">How many messages are on their way to their queues.</param>
public sealed record RetriedDeadLetters(int Retried);

internal static class DeadLetterEndpoints
{
    // All in one transaction.
    internal const int MostAtOnce = 10_000;

    /// <summary>Characters of a name on the broker, and of what is derived from one.</summary>
    internal const int Longest = 255;

    private static readonly string[] Statuses = ["open", "retried", "deleted"];

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
        letters.MapPost("/{id:guid}/retry", Retry)
            .RequireSystemOperator(Permissions.ActOnOperations)
            .WithIdempotencyKey()
            .WithName("RetryDeadLetter")
            .WithSummary("Sends it to its queue again, under the same message id.");
        letters.MapPost("/retry", RetryMany)
            .RequireSystemOperator(Permissions.ActOnOperations)
            .WithIdempotencyKey()
            .WithName("RetryDeadLetters")
            .WithSummary("Sends all that match again, at a rate.");
        letters.MapDelete("/{id:guid}", Delete)
            .RequireSystemOperator(Permissions.ActOnOperations)
            .WithName("DeleteDeadLetter")
            .WithSummary("Drops it; who did so stays on record.");
    }

    private static async Task<Ok<Page<DeadLetterSummary>>> List(
        [AsParameters] PageQuery page, DeadLetterQueries letters, [MaxLength(Longest)] string? queue, [MaxLength(Longest)] string? type,
        [MaxLength(Longest)] string? fingerprint,
        [MaxLength(Longest)] string? reason, [MaxLength(Longest)] string? status, CancellationToken ct)
    {
        if (status is not null && !Statuses.Contains(status))
        {
            throw ProblemException.Invalid("status", $"must be one of {string.Join(", ", Statuses)}.");
        }

        var after = page.After<DeadLetterCursor>();
        var rows = await letters.ListAsync(new DeadLetterFilter(queue, type, fingerprint, reason, status ?? "open"), after, page.Size + 1, ct);
        return TypedResults.Ok(Page.Of(rows, page, row => new DeadLetterCursor(row.FailedAt, row.Id)));
    }

    private static async Task<Ok<DeadLetterDetails>> Get(Guid id, DeadLetterQueries letters, CancellationToken ct)
    {
        var (summary, stackTrace, contentType, headers, body, history) = await letters.FindAsync(id, ct)
            ?? throw ProblemException.NotFound("There is no such dead letter.");
        return TypedResults.Ok(new DeadLetterDetails(
            summary.Id, summary.MessageId, summary.Type, summary.Queue, summary.Reason, summary.Fingerprint,
            summary.ExceptionType is null && summary.ExceptionMessage is null
                ? null
                : new DeadLetterException(summary.ExceptionType, summary.ExceptionMessage, stackTrace),
            summary.Status, summary.Failures, summary.FirstFailedAt, summary.FailedAt,
            contentType, headers, Readable(body), JsonElement.Parse(history)));
    }

    private static async Task<Accepted> Retry(Guid id, DeadLetterQueries letters, Caller caller, CancellationToken ct)
    {
        var retried = await letters.RetryAsync(id, caller.Subject, ct);
        return retried switch
        {
            null => throw ProblemException.NotFound("There is no such dead letter."),
            false => throw ProblemException.Conflict("dead_letter_not_open", "Only an open dead letter can be sent again."),
            true => TypedResults.Accepted(string.Create(CultureInfo.InvariantCulture, $"/v1/ops/dead-letters/{id}")),
        };
    }

    private static async Task<Accepted<RetriedDeadLetters>> RetryMany(RetryDeadLetters? request, DeadLetterQueries letters, Caller caller, CancellationToken ct)
    {
        request ??= new RetryDeadLetters();
        new Validator().Bounds(request).ThrowIfInvalid();
        var filter = new DeadLetterFilter(request.Queue, request.Type, request.Fingerprint, request.Reason, "open");
        var count = await letters.RetryAsync(filter, request.Rate, request.Limit ?? MostAtOnce, caller.Subject, ct);
        return TypedResults.Accepted("/v1/ops/dead-letters", new RetriedDeadLetters(count));
    }

    private static async Task<NoContent> Delete(Guid id, DeadLetterQueries letters, Caller caller, CancellationToken ct) =>
        await letters.DeleteAsync(id, caller.Subject, ct) ? TypedResults.NoContent() : throw ProblemException.NotFound("There is no such dead letter.");

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
