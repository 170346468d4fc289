using Npgsql;
using NpgsqlTypes;

namespace Chassis.Data;

/// <summary>Statements written by hand, with their values by position.</summary>
public static class Sql
{
    /// <summary>The value of the next <c>$n</c>. Null is NULL.</summary>
    public static void AddValue<T>(this NpgsqlParameterCollection parameters, T value) => parameters.Add(ParameterOf(value));

    /// <summary>The same for what the database cannot tell from the value: JSON, and what may be null where nothing else says its type.</summary>
    public static void AddValue<T>(this NpgsqlParameterCollection parameters, T value, NpgsqlDbType type)
    {
        var parameter = ParameterOf(value);
        parameter.NpgsqlDbType = type;
        parameters.Add(parameter);
    }

    /// <summary>One statement on a connection, and so in its transaction.</summary>
    /// <param name="connection">An open one.</param>
    /// <param name="sql">With <c>$1</c>, <c>$2</c>, …</param>
    /// <param name="ct">Cancels.</param>
    /// <param name="values">In that order; a parameter that is made already is taken as it is.</param>
    /// <returns>Rows that it has changed.</returns>
    public static async Task<int> ExecuteAsync(this NpgsqlConnection connection, string sql, CancellationToken ct, params object?[] values)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        command.Parameters.AddValues(values);
        return await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>One statement in a transaction of its own.</summary>
    /// <inheritdoc cref="ExecuteAsync(NpgsqlConnection, string, CancellationToken, object?[])"/>
    public static async Task<int> ExecuteAsync(this NpgsqlDataSource database, string sql, CancellationToken ct, params object?[] values)
    {
        await using var command = database.CreateCommand(sql);
        command.Parameters.AddValues(values);
        return await command.ExecuteNonQueryAsync(ct);
    }

    private static void AddValues(this NpgsqlParameterCollection parameters, object?[] values)
    {
        foreach (var value in values)
        {
            parameters.Add(value as NpgsqlParameter ?? ParameterOf(value));
        }
    }

    // Typed, so that values are not boxed on the way; a nullable or untyped one the driver takes only so.
    private static NpgsqlParameter ParameterOf<T>(T value) =>
        value is null ? new NpgsqlParameter { Value = DBNull.Value }
        : typeof(T) == typeof(object) || Nullable.GetUnderlyingType(typeof(T)) is not null ? new NpgsqlParameter { Value = value }
        : new NpgsqlParameter<T> { TypedValue = value };
}
