using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Chassis.Messaging.DeadLetters;
using Chassis.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Chassis.Messaging.Operations;

/// <param name="Body">The whole body as it is to be sent, of a command with its envelope.</param>
/// <param name="Reason">Why.</param>
internal sealed record EditDeadLetter(JsonObject Body, [property: Text(DeadLetterActEndpoints.LongestReason)] string Reason) : IHasReason;

/// <param name="Reason">Why.</param>
internal sealed record PutDeadLetterAside([property: Text(DeadLetterActEndpoints.LongestReason)] string Reason) : IHasReason;

/// <param name="Text">What the next one who looks should know. Nothing personal: whom it is about, the message says by their id.</param>
internal sealed record NoteOnDeadLetter([property: Text(1000)] string Text);

/// <summary>What is done with one dead letter.</summary>
internal static class DeadLetterActEndpoints
{
    internal const int LongestReason = 500;

    public static void Map(RouteGroupBuilder letters)
    {
        letters.MapPost("/{id:guid}/retry", Retry).RequireSystemOperator(Permissions.ActOnOperations).WithIdempotencyKey()
            .WithName("RetryDeadLetter").WithSummary("Sends it to its queue again, under the same message id.");
        letters.MapPost("/{id:guid}/edit", Edit).RequireSystemOperator(Permissions.ActOnOperations, Permissions.ReadPersonalData).WithIdempotencyKey()
            .WithName("EditDeadLetter").WithSummary("Sends it with another body, under the same message id.");
        letters.MapPost("/{id:guid}/park", Park).RequireSystemOperator(Permissions.ActOnOperations).WithIdempotencyKey()
            .WithName("ParkDeadLetter").WithSummary("Puts an open one aside: it counts no more as one that nobody has dealt with.");
        letters.MapPost("/{id:guid}/reopen", Reopen).RequireSystemOperator(Permissions.ActOnOperations).WithIdempotencyKey()
            .WithName("ReopenDeadLetter").WithSummary("Takes a parked one back.");
        letters.MapDelete("/{id:guid}", Delete).RequireSystemOperator(Permissions.ActOnOperations)
            .WithName("DeleteDeadLetter").WithSummary("Drops it; who did so stays on record. It can be restored for a day.");
        letters.MapPost("/{id:guid}/restore", Restore).RequireSystemOperator(Permissions.ActOnOperations).WithIdempotencyKey()
            .WithName("RestoreDeadLetter").WithSummary("Takes a deletion back, within a day.");
        letters.MapPost("/{id:guid}/notes", Note).RequireSystemOperator(Permissions.ActOnOperations).WithIdempotencyKey()
            .WithName("NoteOnDeadLetter").WithSummary("Writes something beside it, for the next one who looks.");
    }

    private static async Task<Accepted> Retry(Guid id, DeadLetterActs letters, Caller caller, CancellationToken ct)
    {
        await letters.RetryAsync(id, caller.Subject, ct);
        return TypedResults.Accepted(PathOf(id));
    }

    private static async Task<Accepted> Edit(Guid id, EditDeadLetter request, DeadLetterActs letters, Caller caller, CancellationToken ct)
    {
        new Validator().Bounds(request).ThrowIfInvalid();
        await letters.EditAsync(id, JsonSerializer.SerializeToUtf8Bytes(request.Body), request.Reason.Trim(), caller.Subject, ct);
        return TypedResults.Accepted(PathOf(id));
    }

    private static Task<Ok<DeadLetterSummary>> Park(Guid id, PutDeadLetterAside request, DeadLetterActs letters, Caller caller, CancellationToken ct) =>
        PutAsync(id, parked: true, request, letters, caller, ct);

    private static Task<Ok<DeadLetterSummary>> Reopen(Guid id, PutDeadLetterAside request, DeadLetterActs letters, Caller caller, CancellationToken ct) =>
        PutAsync(id, parked: false, request, letters, caller, ct);

    private static async Task<NoContent> Delete(Guid id, DeadLetterActs letters, Caller caller, CancellationToken ct)
    {
        await letters.DeleteAsync(id, caller.Subject, ct);
        return TypedResults.NoContent();
    }

    private static async Task<Ok<DeadLetterSummary>> Restore(Guid id, DeadLetterActs letters, Caller caller, CancellationToken ct) =>
        TypedResults.Ok(await letters.RestoreAsync(id, caller.Subject, ct));

    private static async Task<Created<DeadLetterNote>> Note(Guid id, NoteOnDeadLetter request, DeadLetterActs letters, Caller caller, CancellationToken ct)
    {
        new Validator().Bounds(request).ThrowIfInvalid();
        return TypedResults.Created(PathOf(id), await letters.NoteAsync(id, request.Text.Trim(), caller.Subject, ct));
    }

    private static async Task<Ok<DeadLetterSummary>> PutAsync(
        Guid id, bool parked, PutDeadLetterAside request, DeadLetterActs letters, Caller caller, CancellationToken ct)
    {
        new Validator().Bounds(request).ThrowIfInvalid();
        return TypedResults.Ok(await letters.ParkAsync(id, parked, request.Reason.Trim(), caller.Subject, ct));
    }

    private static string PathOf(Guid id) => string.Create(CultureInfo.InvariantCulture, $"/v1/ops/dead-letters/{id}");
}
