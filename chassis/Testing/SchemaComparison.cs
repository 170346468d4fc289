using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.EntityFrameworkCore.Scaffolding;
using Microsoft.EntityFrameworkCore.Scaffolding.Metadata;
using Npgsql;
using Npgsql.EntityFrameworkCore.PostgreSQL.Scaffolding.Internal;

namespace Chassis.Testing;

/// <summary>
/// Migrations are written by hand (ADR 21), so tests have to say whether they and the model mean the same tables, and that history stays as it was.
/// </summary>
public static class SchemaComparison
{
    // Read and written by the chassis with plain SQL; no model knows them.
    private static readonly string[] ChassisSchemas = ["messaging", "testing", "event_store", "audit", "partitions"];
    private static readonly string[] ChassisTables = ["__EFMigrationsHistory", "ended_sessions", "ended_single_sessions", "idempotency_keys"];

    /// <summary>
    /// Compares tables, columns, types with their lengths, nullability, primary keys, and the foreign keys and indexes that the model declares.
    /// What only the database has (CHECKs, partial indexes, triggers) is the migrations' own affair.
    /// </summary>
    /// <param name="db">A context on whatever connection; only its model counts.</param>
    /// <param name="connectionString">A database that has been migrated.</param>
    /// <param name="unmapped">Tables and columns (<c>table.column</c>) that the service works on with plain SQL.</param>
    /// <exception cref="InvalidOperationException">Lists every difference, and what to write.</exception>
    [SuppressMessage("Usage", "EF1001", Justification = "The provider's reader of schemas has no public face; in a test, a change of it costs a compiler error.")]
    public static async Task VerifySchemaAsync(this DbContext db, string connectionString, params string[] unmapped)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        var reader = new NpgsqlDatabaseModelFactory(db.GetService<IDiagnosticsLogger<DbLoggerCategory.Scaffolding>>());
        var actual = reader.Create(connection, new DatabaseModelFactoryOptions()).Tables
            .Where(t => !ChassisSchemas.Contains(t.Schema) && !ChassisTables.Contains(t.Name)).ToDictionary(t => t.Name);
        var findings = new List<string>();
        var unknown = new List<string>();
        foreach (var table in db.GetService<IDesignTimeModel>().Model.GetRelationalModel().Tables)
        {
            if (actual.Remove(table.Name, out var found))
            {
                findings.AddRange(Differences(table, found));
                unknown.AddRange(found.Columns.Where(c => table.FindColumn(c.Name) is null).Select(c => $"{table.Name}.{c.Name}"));
            }
            else
            {
                findings.Add($"{table.Name}: is in the model and not in the database. New migration: CREATE TABLE {table.Name} (…);");
            }
        }

        unknown.AddRange(actual.Keys);
        findings.AddRange(unknown.Except(unmapped).Select(
            name => $"{name}: is in the database and not in the model. Map it, name it as unmapped in this test, or DROP it in a new migration."));
        findings.AddRange(unmapped.Except(unknown).Select(
            name => $"{name}: is named as unmapped in this test, and is mapped or not there. Take it off the list."));
        if (findings.Count > 0)
        {
            throw new InvalidOperationException($"Model and migrations differ:{Environment.NewLine}{string.Join(Environment.NewLine, findings)}");
        }
    }

    /// <summary>Compares the SQL of every migration, that of the chassis's modules included, with what was released. Needs no server.</summary>
    /// <param name="released">Migrations by id, with the hash that this method names.</param>
    /// <exception cref="InvalidOperationException">A migration was changed, removed or not listed.</exception>
    public static void VerifyReleasedMigrations<TDbContext>(IReadOnlyDictionary<string, string> released)
        where TDbContext : DbContext
    {
        using var db = (TDbContext)Activator.CreateInstance(typeof(TDbContext), new DbContextOptionsBuilder<TDbContext>().UseNpgsql().Options)!;
        var migrations = db.GetService<IMigrationsAssembly>();
        var sql = db.GetService<IMigrationsSqlGenerator>();
        var actual = migrations.Migrations.ToDictionary(
            m => m.Key, m => Hash(sql.Generate(migrations.CreateMigration(m.Value, db.Database.ProviderName!).UpOperations)));
        List<string> findings =
        [
            .. actual.Keys.Except(released.Keys).Select(id => $"{id}: is new. List it here: [\"{id}\"] = \"{actual[id]}\""),
            .. released.Keys.Except(actual.Keys).Select(id => $"{id}: was released and is gone. Databases have it in their history: put it back."),
            .. actual.Where(m => released.TryGetValue(m.Key, out var hash) && hash != m.Value).Select(m =>
                $"{m.Key}: is not what was released. A database that has run it never runs it again: take the change back and add a new migration instead. "
                + $"(Only if it has left nobody's machine yet, list it with its new hash {m.Value}.)"),
        ];
        if (findings.Count > 0)
        {
            throw new InvalidOperationException($"Migrations of {typeof(TDbContext).Name}:{Environment.NewLine}{string.Join(Environment.NewLine, findings)}");
        }
    }

    private static IEnumerable<string> Differences(ITable table, DatabaseTable found)
    {
        foreach (var column in table.Columns.Where(c => c.Name != "xmin"))   // which every table has and no migration creates
        {
            var (name, alter) = ($"{table.Name}.{column.Name}", $"New migration: ALTER TABLE {table.Name}");
            if (found.Columns.FirstOrDefault(c => c.Name == column.Name) is not { } actual)
            {
                yield return $"{name}: is in the model and not in the database. {alter} ADD COLUMN {column.Name} {column.StoreType}{(column.IsNullable ? "" : " NOT NULL DEFAULT …")};";
                continue;
            }

            if (actual.StoreType != column.StoreType)
            {
                yield return $"{name}: is {column.StoreType} in the model and {actual.StoreType} in the database. {alter} ALTER COLUMN {column.Name} TYPE {column.StoreType};";
            }

            if (actual.IsNullable != column.IsNullable)
            {
                yield return $"{name}: is {(column.IsNullable ? "" : "not ")}nullable in the model, and the database says otherwise. "
                    + $"{alter} ALTER COLUMN {column.Name} {(column.IsNullable ? "DROP" : "SET")} NOT NULL; or correct the model.";
            }
        }

        if (table.PrimaryKey is { } key && !Same(key.Columns, found.PrimaryKey?.Columns))
        {
            yield return $"{table.Name}: has the key {List(key.Columns)} in the model and another one in the database. New migration: ALTER TABLE {table.Name} ADD PRIMARY KEY {List(key.Columns)};";
        }

        foreach (var foreign in table.ForeignKeyConstraints.Where(
            f => !found.ForeignKeys.Any(a => Same(f.Columns, a.Columns) && a.PrincipalTable.Name == f.PrincipalTable.Name)))
        {
            yield return $"{table.Name}: references {foreign.PrincipalTable.Name} by {List(foreign.Columns)} in the model and not in the database. "
                + $"New migration: ALTER TABLE {table.Name} ADD FOREIGN KEY {List(foreign.Columns)} REFERENCES {foreign.PrincipalTable.Name};";
        }

        // An index that EF adds by itself for a foreign key is a guess; one that somebody declared is meant.
        foreach (var index in table.Indexes.Where(
            i => i.MappedIndexes.Any(m => ((IConventionIndex)m).GetConfigurationSource() == ConfigurationSource.Explicit)))
        {
            if (!found.Indexes.Any(a => a.IsUnique == index.IsUnique && Same(index.Columns, a.Columns))
                && !(index.IsUnique && found.UniqueConstraints.Any(a => Same(index.Columns, a.Columns))))
            {
                yield return $"{table.Name}: has an index on {List(index.Columns)} in the model and not in the database. "
                    + $"New migration: CREATE {(index.IsUnique ? "UNIQUE " : "")}INDEX {table.Name}_{string.Join('_', index.Columns.Select(c => c.Name))} ON {table.Name} {List(index.Columns)};";
            }
        }
    }

    private static bool Same(IEnumerable<IColumn> model, IEnumerable<DatabaseColumn>? database) =>
        model.Select(c => c.Name).SequenceEqual(database?.Select(c => c.Name) ?? []);

    private static string List(IEnumerable<IColumn> columns) => $"({string.Join(", ", columns.Select(c => c.Name))})";

    private static string Hash(IEnumerable<MigrationCommand> commands) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        string.Concat(commands.Select(c => c.CommandText)).ReplaceLineEndings("\n"))))[..16];
}
