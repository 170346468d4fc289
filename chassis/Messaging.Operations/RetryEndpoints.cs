using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Chassis.Messaging.DeadLetters;
using Chassis.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Validator = Chassis.Web.Validator;

namespace Chassis.Messaging.Operations;

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
    [property: Range(1, RetryEndpoints.MostAtOnce)] int? Limit = null);

/// <param name="Retried">How many messages are on their way to their queues.</param>
public sealed record RetriedDeadLetters(int Retried);

/// <summary>A retry to be watched: which dead letters, how fast, and whether it stops when one of them fails as it did.</summary>
/// <param name="Because">Why it is done.</param>
/// <param name="Queue">Only of this queue.</param>
/// <param name="Type">Only of this message type.</param>
/// <param name="Fingerprint">Only of this cause.</param>
/// <param name="Reason">Only with this reason: failed, invalid, skipped, undeliverable or forged.</param>
/// <param name="Ids">Only these dead letters.</param>
/// <param name="Limit">How many at most, the oldest first; 10,000 without it, and no more with it.</param>
/// <param name="Rate">Messages a second at most; without it all at once.</param>
/// <param name="StopOnSameFailure">Whether it stops when a message comes back with the fingerprint that it had.</param>
internal sealed record StartRetry(
    [property: Text(DeadLetterActEndpoints.LongestReason)] string Because,
    [property: MaxLength(DeadLetterEndpoints.Longest)] string? Queue = null,
    [property: MaxLength(DeadLetterEndpoints.Longest)] string? Type = null,
    [property: MaxLength(DeadLetterEndpoints.Longest)] string? Fingerprint = null,
    [property: MaxLength(DeadLetterEndpoints.Longest)] string? Reason = null,
    [property: MaxLength(RetryEndpoints.MostAtOnce)] IReadOnlyList<Guid>? Ids = null,
    [property: Range(1, RetryEndpoints.MostAtOnce)] int? Limit = null,
    [property: Range(0.001, 10_000, ErrorMessage = "must be above 0 and at most 10000 messages a second.")] double? Rate = null,
    bool StopOnSameFailure = true)
    : IHasReason
{
    // That of the filter is another one.
    string? IHasReason.Reason => Because;
}

/// <summary>Retries of many dead letters.</summary>
internal static class RetryEndpoints
{
    // All of one retry are chosen in one transaction.
    internal const int MostAtOnce = 10_000;

    public static void Map(RouteGroupBuilder letters)
    {
        letters.MapPost("/retry", RetryMany).RequireSystemOperator(Permissions.ActOnOperations).WithIdempotencyKey()
            .WithName("RetryDeadLetters").WithSummary("Sends all that match again, at a rate, to the last one.");
        var retries = letters.MapGroup("/retries");
        retries.MapPost(string.Empty, Start).RequireSystemOperator(Permissions.ActOnOperations).WithIdempotencyKey()
            .WithName("StartRetry").WithSummary("Begins to send all that match again; what becomes of each can be seen, and it can be stopped.");
        retries.MapGet(string.Empty, List).RequireSystemOperator(Permissions.ReadOperations)
            .WithName("ListRetries").WithSummary("Retries, the newest first.");
        retries.MapGet("/{id:guid}", Get).RequireSystemOperator(Permissions.ReadOperations)
            .WithName("GetRetry").WithSummary("One of them, and how far it is.");
        retries.MapGet("/{id:guid}/messages", ListMessages).RequireSystemOperator(Permissions.ReadOperations)
            .WithName("ListRetriedMessages").WithSummary("Its messages, each with what became of it, in the order in which they are sent.");
        retries.MapPost("/{id:guid}/stop", Stop).RequireSystemOperator(Permissions.ActOnOperations).WithIdempotencyKey()
            .WithName("StopRetry").WithSummary("Ends it; what is not sent yet stays open.");
    }

    private static async Task<Accepted<RetriedDeadLetters>> RetryMany(RetryDeadLetters? request, Retries retries, Caller caller, CancellationToken ct)
    {
        request ??= new RetryDeadLetters();
        new Validator().Bounds(request).ThrowIfInvalid();
        var filter = new DeadLetterFilter(request.Queue, request.Type, request.Fingerprint, request.Reason, "open");
        var order = new RetryOrder(filter, null, request.Limit ?? MostAtOnce, request.Rate, StopOnSameFailure: false);
        var (id, total) = await retries.StartAsync(order, caller.Subject, ct);
        return TypedResults.Accepted(PathOf(id), new RetriedDeadLetters(total));
    }

    private static async Task<Accepted<DeadLetterRetry>> Start(StartRetry request, Retries retries, Caller caller, CancellationToken ct)
    {
        new Validator().Bounds(request).ThrowIfInvalid();
        var filter = new DeadLetterFilter(request.Queue, request.Type, request.Fingerprint, request.Reason, "open");
        var order = new RetryOrder(
            filter, request.Ids is null ? null : [.. request.Ids], request.Limit ?? MostAtOnce, request.Rate, request.StopOnSameFailure);
        var (id, _) = await retries.StartAsync(order, caller.Subject, ct);
        return TypedResults.Accepted(PathOf(id), await FindAsync(id, retries, ct));
    }

    private static async Task<Ok<Page<DeadLetterRetry>>> List([AsParameters] PageQuery page, Retries retries, CancellationToken ct)
    {
        var rows = await retries.ListAsync(page.After<RetryCursor>(), page.Size + 1, ct);
        return TypedResults.Ok(Page.Of(rows, page, row => new RetryCursor(row.StartedAt, row.Id)));
    }

    private static async Task<Ok<DeadLetterRetry>> Get(Guid id, Retries retries, CancellationToken ct) => TypedResults.Ok(await FindAsync(id, retries, ct));

    private static async Task<Ok<Page<RetriedMessage>>> ListMessages(
        Guid id, [AsParameters] PageQuery page, Retries retries, [MaxLength(DeadLetterEndpoints.Longest)] string? outcome, CancellationToken ct)
    {
        if (outcome is not null && !RetryOutcomes.All.Contains(outcome))
        {
            throw ProblemException.Invalid("outcome", $"must be one of {string.Join(", ", RetryOutcomes.All)}.");
        }

        await FindAsync(id, retries, ct);
        var rows = await retries.MessagesAsync(id, outcome, page.After<int>(), page.Size + 1, ct);
        return TypedResults.Ok(Page.Of(rows, page, row => row.Place));
    }

    private static async Task<Accepted> Stop(Guid id, Retries retries, CancellationToken ct)
    {
        await retries.StopAsync(id, ct);
        return TypedResults.Accepted(PathOf(id));
    }

    private static async Task<DeadLetterRetry> FindAsync(Guid id, Retries retries, CancellationToken ct) =>
        await retries.FindAsync(id, ct) ?? throw ProblemException.NotFound("There is no such retry.");

    private static string PathOf(Guid id) => string.Create(CultureInfo.InvariantCulture, $"/v1/ops/dead-letters/retries/{id}");
}
