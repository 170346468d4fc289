using System.ComponentModel.DataAnnotations;
using Chassis;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Orders.Catalogue;
using Orders.ReadModels;

namespace Orders.Features;

/// <summary>Orders, newest first: a customer's own, and for operators anybody's.</summary>
internal static class ListOrders
{
    public static RouteHandlerBuilder Map(RouteGroupBuilder orders) =>
        orders.MapGet("/", Get).RequireCustomer(others: Permissions.ReadPersonalData).WithName("ListOrders")
        .WithSummary(
            "Own orders, newest first; operators see everybody's and may ask for one customer's by `userId`, or for one by `search`: its id, its number as in "
            + "mails, or its payment's id.");

    /// <param name="status">Only orders that are this far.</param>
    /// <param name="userId">Only orders of this customer; somebody else's for operators only.</param>
    /// <param name="from">Created at this time or later.</param>
    /// <param name="to">Created before this time.</param>
    /// <param name="search">Only the order of this id, those of this number, or the one of this payment.</param>
    /// <param name="page">Which page.</param>
    /// <param name="reader">The read model.</param>
    /// <param name="catalogue">For the prices of drafts.</param>
    /// <param name="caller">Who asks.</param>
    /// <param name="ct">Cancels.</param>
    private static async Task<Ok<Page<OrderView>>> Get(
        [MaxLength(20)] string? status, Guid? userId, [MaxLength(40)] string? from, [MaxLength(40)] string? to, [MaxLength(40)] string? search,
        [AsParameters] PageQuery page, OrderReader reader, LocalCatalogue catalogue, Caller caller,
        CancellationToken ct)
    {
        if (userId is { } wanted && !caller.MaySee(wanted))
        {
            throw ProblemException.Forbidden("Only operators see other customers' orders.");
        }

        var owner = userId ?? (caller.MaySeeOthers ? null : caller.UserId);
        var filter = new OrderFilter(owner, caller.TenantId, QueryValues.Status(status), QueryValues.Time("from", from), QueryValues.Time("to", to),
            QueryValues.Order("search", search));
        var rows = await catalogue.AtTodaysPricesAsync(await reader.ListAsync(filter, page.After<OrderKey>(), page.Size, ct), ct);
        return TypedResults.Ok(Page.Of(rows, page, o => new OrderKey(o.CreatedAt, o.Id)));
    }
}
