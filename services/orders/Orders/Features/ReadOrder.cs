using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Chassis;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Orders.Catalogue;
using Orders.ReadModels;

namespace Orders.Features;

/// <summary>One order: as it is, or as it was.</summary>
internal static class ReadOrder
{
    public static RouteHandlerBuilder Map(RouteGroupBuilder orders) =>
        orders.MapGet("/{id:guid}", Get).RequireCustomer(others: Permissions.ReadPersonalData).WithName("GetOrder")
        .WithSummary("One order; with `asOf`, a version or a time, as it was then.");

    private static async Task<ETagged<Ok<OrderView>>> Get(
        Guid id, [MaxLength(40)] string? asOf, OrderReader reader, OrderStore orders, LocalCatalogue catalogue, Caller caller, CancellationToken ct)
    {
        if (string.IsNullOrEmpty(asOf))
        {
            var view = await catalogue.AtTodaysPricesAsync(await reader.GetAsync(id, caller, ct), ct);
            return TypedResults.Ok(view).WithETag(view.Version);
        }

        var (version, time) = ParseAsOf(asOf);
        var order = caller.MustSee(await orders.LoadAsync(id, version, time, ct));
        return version is { } wanted && order.Version < wanted
            ? throw ProblemException.NotFound("The order has no such version yet.")
            : TypedResults.Ok(OrderView.Of(order.State, order.Version)).WithETag(order.Version);
    }

    private static (long? Version, DateTimeOffset? Time) ParseAsOf(string asOf)
    {
        if (long.TryParse(asOf, NumberStyles.None, CultureInfo.InvariantCulture, out var version))
        {
            return version > 0 ? (version, null) : throw ProblemException.Invalid("asOf", "is not a version: versions begin at 1.");
        }

        return (null, QueryValues.Time("asOf", asOf));
    }
}
