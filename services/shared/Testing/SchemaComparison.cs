using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Npgsql;

namespace Chassis.Testing;

/// <summary>Migrations are written by hand, so a test has to say whether they and the model mean the same tables.</summary>
public static class SchemaComparison
{
    /// <exception cref="InvalidOperationException">Lists every column in which model and database differ.</exception>
    public static async Task VerifySchemaAsync(this DbContext db, string connectionString)
    {
        var actual = await ReadAsync(connectionString);
        var findings = new List<string>();
        foreach (var table in db.Model.GetEntityTypes().Where(e => e.GetTableName() is not null)
            .GroupBy(e => StoreObjectIdentifier.Table(e.GetTableName()!, e.GetSchema() ?? "public")))
        {
            var name = $"{table.Key.Schema}.{table.Key.Name}";
            if (!actual.TryGetValue(name, out var columns))
            {
                findings.Add($"{name}: is in the model and not in the database");
                continue;
            }

            var mapped = new HashSet<string>();
            foreach (var property in table.SelectMany(e => e.GetProperties()))
            {
                var column = property.GetColumnName(StoreObjectIdentifier.Table(table.Key.Name, property.DeclaringType.GetSchema())) ?? property.GetColumnName();
                mapped.Add(column);
                if (!columns.TryGetValue(column, out var found))
                {
                    // System columns such as xmin exist in every table.
                    if (column != "xmin")
                    {
                        findings.Add($"{name}.{column}: is in the model and not in the database");
                    }

                    continue;
                }

                if (!string.Equals(found.Type, property.GetColumnType(), StringComparison.OrdinalIgnoreCase))
                {
                    findings.Add($"{name}.{column}: is {property.GetColumnType()} in the model and {found.Type} in the database");
                }

                if (property.IsColumnNullable() != found.Nullable)
                {
                    findings.Add($"{name}.{column}: is {(found.Nullable ? "" : "not ")}nullable in the database, and the model says otherwise");
                }
            }

            findings.AddRange(columns.Where(c => !mapped.Contains(c.Key) && !c.Value.Nullable && !c.Value.HasDefault)
                .Select(c => $"{name}.{c.Key}: is required in the database and not in the model"));
        }

        if (findings.Count > 0)
        {
            throw new InvalidOperationException($"Model and schema differ:{Environment.NewLine}{string.Join(Environment.NewLine, findings)}");
        }
    }

    private static async Task<Dictionary<string, Dictionary<string, Column>>> ReadAsync(string connectionString)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(
            """
            SELECT n.nspname || '.' || c.relname, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, a.atthasdef OR a.attidentity <> ''
            FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
            """,
            connection);
        await using var reader = await command.ExecuteReaderAsync();
        var tables = new Dictionary<string, Dictionary<string, Column>>();
        while (await reader.ReadAsync())
        {
            if (!tables.TryGetValue(reader.GetString(0), out var columns))
            {
                tables[reader.GetString(0)] = columns = [];
            }

            columns[reader.GetString(1)] = new Column(reader.GetString(2), reader.GetBoolean(3), reader.GetBoolean(4));
        }

        return tables;
    }

    private sealed record Column(string Type, bool Nullable, bool HasDefault);
}
