using Chassis;
using Chassis.Data;
using Chassis.Web;
using Npgsql;
using NpgsqlTypes;
using Orders.Domain;

namespace Orders.ReadModels;

/// <summary>Which orders to list; what is null does not matter.</summary>
internal sealed record OrderFilter(
    Guid? UserId, string? TenantId, OrderStatus? Status, DateTimeOffset? From, DateTimeOffset? To, OrderSearch? Search = null);

/// <summary>What somebody has of an order.</summary>
/// <param name="Id">Its id, or that of its payment.</param>
/// <param name="Number">The last digits of its id.</param>
internal sealed record OrderSearch(Guid? Id, string? Number)
{
    public const int NumberLength = 8;
}

/// <summary>Sort key of a list of orders, newest first.</summary>
internal readonly record struct OrderKey(DateTimeOffset CreatedAt, Guid Id);

/// <summary>Reads orders from their read model: by id and page by page, each by one index.</summary>
internal sealed class OrderReader(NpgsqlDataSource dataSource)
{
    /// <summary>The order as it is now, if the caller may see it.</summary>
    /// <exception cref="ProblemException">404, also for somebody else's.</exception>
    public async Task<OrderView> GetAsync(Guid id, Caller caller, CancellationToken ct)
    {
        await using var command = dataSource.CreateCommand("SELECT document, version, tenant_id, user_id FROM orders WHERE id = $1");
        command.Parameters.AddValue(id);
        await using var reader = await command.ExecuteReaderAsync(ct);
        if (!await reader.ReadAsync(ct))
        {
            throw OrderAccess.NotFound();
        }

        OrderAccess.MustSee(caller, reader.GetGuid(3), reader.IsDBNull(2) ? null : reader.GetString(2));
        return OrdersProjection.View(reader.GetString(0), reader.GetInt64(1));
    }

    /// <returns>Up to one more than <paramref name="size"/>, newest first.</returns>
    public async Task<IReadOnlyList<OrderView>> ListAsync(OrderFilter filter, OrderKey? after, int size, CancellationToken ct)
    {
        await using var command = dataSource.CreateCommand();
        var conditions = new List<string>();
        void Where(string condition, object? value, NpgsqlDbType type)
        {
            if (value is not null)
            {
                command.Parameters.AddValue(value, type);
                conditions.Add(condition.Replace("$n", $"${command.Parameters.Count}", StringComparison.Ordinal));
            }
        }

        Where("user_id = $n", filter.UserId, NpgsqlDbType.Uuid);
        Where("tenant_id = $n", filter.TenantId, NpgsqlDbType.Text);
        Where("status = $n", filter.Status?.ToString().ToLowerInvariant(), NpgsqlDbType.Text);
        Where("created_at >= $n", filter.From?.ToUniversalTime(), NpgsqlDbType.TimestampTz);
        Where("created_at < $n", filter.To?.ToUniversalTime(), NpgsqlDbType.TimestampTz);
        Where("(id = $n OR id = (SELECT order_id FROM payments WHERE payments.id = $n))", filter.Search?.Id, NpgsqlDbType.Uuid);
        Where("right(id::text, 8) = $n", filter.Search?.Number, NpgsqlDbType.Text);
        if (after is { } key)
        {
            command.Parameters.AddValue(key.CreatedAt.ToUniversalTime(), NpgsqlDbType.TimestampTz);
            command.Parameters.AddValue(key.Id, NpgsqlDbType.Uuid);
            conditions.Add($"(created_at, id) < (${command.Parameters.Count - 1}, ${command.Parameters.Count})");
        }

        command.Parameters.AddValue(size + 1);
        var where = conditions.Count == 0 ? "" : $"WHERE {string.Join(" AND ", conditions)}";
        command.CommandText = $"SELECT document, version FROM orders {where} ORDER BY created_at DESC, id DESC LIMIT ${command.Parameters.Count}";
        await using var reader = await command.ExecuteReaderAsync(ct);
        var rows = new List<OrderView>();
        while (await reader.ReadAsync(ct))
        {
            rows.Add(OrdersProjection.View(reader.GetString(0), reader.GetInt64(1)));
        }

        return rows;
    }
}

/// <summary>Who may see an order: its customer and operators, inside their tenant.</summary>
internal static class OrderAccess
{
    public static ProblemException NotFound() => ProblemException.NotFound("There is no such order.");

    /// <exception cref="ProblemException">404, so that the existence of somebody else's order stays unknown.</exception>
    public static void MustSee(Caller caller, Guid userId, string? tenantId)
    {
        if (!caller.MaySee(userId) || !caller.MaySeeTenant(tenantId))
        {
            throw NotFound();
        }
    }

    /// <exception cref="ProblemException">404.</exception>
    public static VersionedOrder MustSee(this Caller caller, VersionedOrder? order)
    {
        if (order is null)
        {
            throw NotFound();
        }

        MustSee(caller, order.State.UserId, order.TenantId);
        return order;
    }
}
