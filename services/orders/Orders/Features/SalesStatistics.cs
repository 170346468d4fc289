using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Chassis;
using Chassis.Data;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;
using NpgsqlTypes;
using Shop.Contracts;

namespace Orders.Features;

/// <summary>Sales of one day or of one product.</summary>
/// <param name="Day">UTC day, when grouped by day.</param>
/// <param name="Sku">Product, when grouped by product.</param>
/// <param name="Name">The product's name now, when grouped by product.</param>
/// <param name="Placed">Orders submitted, when grouped by day.</param>
/// <param name="Orders">Orders completed.</param>
/// <param name="Quantity">Pieces in completed orders.</param>
/// <param name="Revenue">Sum of completed orders, in one currency; a day or product with two has two rows.</param>
internal sealed record SalesRow(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] DateOnly? Day,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Sku,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Name,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? Placed,
    long Orders,
    long Quantity,
    Money Revenue);

/// <param name="GroupBy"><c>day</c> or <c>product</c>.</param>
/// <param name="Items">By day, or by revenue.</param>
internal sealed record SalesReport(string GroupBy, IReadOnlyList<SalesRow> Items);

/// <summary>What was sold.</summary>
internal static class SalesStatistics
{
    public static void Map(IEndpointRouteBuilder app) => app.MapGet("/v1/statistics/sales", Get).RequireOperator(Permissions.ReadReports).WithName("GetSales")
        .WithSummary("Completed orders, pieces and revenue by UTC day or by product; follows the orders within a second or so.");

    /// <param name="from">First day.</param>
    /// <param name="to">Last day, included; of a moment, the day in which it lies.</param>
    /// <param name="groupBy"><c>day</c> (default) or <c>product</c>.</param>
    /// <param name="dataSource">The read model.</param>
    /// <param name="caller">Who asks; an operator of a tenant gets that tenant's sales.</param>
    /// <param name="ct">Cancels.</param>
    private static async Task<Ok<SalesReport>> Get(
        [MaxLength(40)] string? from,
        [MaxLength(40)] string? to,
        [MaxLength(20)] string? groupBy,
        NpgsqlDataSource dataSource,
        Caller caller,
        CancellationToken ct)
    {
        var by = groupBy switch
        {
            null or "" or "day" => "day",
            "product" => "product",
            _ => throw ProblemException.Invalid("groupBy", "is neither day nor product."),
        };
        var (first, last) = (Day(QueryValues.Time("from", from)), Day(QueryValues.Time("to", to)));
        await using var command = dataSource.CreateCommand(by == "day"
            ? """
              SELECT day, NULL::text, NULL::text, sum(placed)::bigint, sum(orders)::bigint, sum(quantity)::bigint, sum(revenue), currency FROM sales_by_day
              WHERE ($1::date IS NULL OR day >= $1) AND ($2::date IS NULL OR day <= $2) AND ($3::text IS NULL OR tenant_id = $3)
              GROUP BY day, currency ORDER BY day, currency
              """
            : """
              SELECT NULL::date, s.sku, p.name, NULL::bigint, s.orders, s.quantity, s.revenue, s.currency FROM (
                  SELECT sku, currency, sum(orders)::bigint AS orders, sum(quantity)::bigint AS quantity, sum(revenue) AS revenue FROM sales_by_product
                  WHERE ($1::date IS NULL OR day >= $1) AND ($2::date IS NULL OR day <= $2) AND ($3::text IS NULL OR tenant_id = $3) GROUP BY sku, currency
              ) AS s LEFT JOIN catalogue_products p ON p.sku = s.sku ORDER BY s.revenue DESC, s.sku
              """);
        command.Parameters.AddValue(first, NpgsqlDbType.Date);
        command.Parameters.AddValue(last, NpgsqlDbType.Date);
        command.Parameters.AddValue(caller.TenantId, NpgsqlDbType.Text);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var rows = new List<SalesRow>();
        while (await reader.ReadAsync(ct))
        {
            rows.Add(new SalesRow(
                reader.IsDBNull(0) ? null : reader.GetFieldValue<DateOnly>(0),
                reader.IsDBNull(1) ? null : reader.GetString(1),
                reader.IsDBNull(2) ? null : reader.GetString(2),
                reader.IsDBNull(3) ? null : reader.GetInt64(3),
                reader.GetInt64(4),
                reader.GetInt64(5),
                new Money(reader.GetDecimal(6), reader.GetString(7))));
        }

        return TypedResults.Ok(new SalesReport(by, rows));
    }

    private static DateOnly? Day(DateTimeOffset? time) => time is null ? null : DateOnly.FromDateTime(time.Value.UtcDateTime);
}
