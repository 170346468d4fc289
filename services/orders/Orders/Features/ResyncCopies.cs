using Chassis;
using Chassis.Messaging.Operations;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Orders.Catalogue;
using Orders.Persistence;

namespace Orders.Features;

/// <summary>
/// Mends a local copy that took in what its owner never said: its sequences are forgotten, so that the next word of the owner counts, whatever number it has.
/// What is known stays until then. The owner's replay brings that word (docs/how-to/resync-a-copy.md).
/// </summary>
internal static class ResyncCopies
{
    public static void Map(IEndpointRouteBuilder app)
    {
        var copies = app.MapGroup("/v1/ops/copies").RequireSystemOperator(Permissions.ActOnOperations);
        copies.MapPost("/products/{sku}/resync", Product)
            .WithIdempotencyKey()
            .WithName("ResyncProduct")
            .WithSummary("Takes the next word of inventory about the product, whatever its sequence.");
        copies.MapPost("/customers/{userId:guid}/resync", Customer)
            .WithIdempotencyKey()
            .WithName("ResyncCustomer")
            .WithSummary("Takes the next word of users about the customer, whatever its sequence.");
    }

    private static async Task<Accepted<ResyncedCopy>> Product(string sku, OrdersDbContext db, CancellationToken ct)
    {
        var known = await db.Database.ExecuteSqlAsync(
            $"UPDATE catalogue_products SET name_sequence = -1, price_sequence = -1, state_sequence = -1 WHERE sku = {sku}", ct);
        return known > 0 ? Told("inventory", sku) : throw ProblemException.NotFound("There is no copy of that product.");
    }

    /// <summary>An erasure stays: what it destroyed nobody brings back, and it is not to be undone by a word.</summary>
    private static async Task<Accepted<ResyncedCopy>> Customer(Guid userId, OrdersDbContext db, CancellationToken ct)
    {
        var known = await db.Database.ExecuteSqlAsync($"UPDATE catalogue_users SET sequence = -1 WHERE user_id = {userId} AND status <> 'erased'", ct);
        return known > 0 ? Told("users", userId.ToString()) : throw ProblemException.NotFound("There is no copy of that customer, or the customer is erased.");
    }

    private static Accepted<ResyncedCopy> Told(string owner, string subject) =>
        TypedResults.Accepted((string?)null, new ResyncedCopy(owner, subject, CatalogueConsumer.Queue));
}
