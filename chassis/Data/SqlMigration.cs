using System.Reflection;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Chassis.Data;

/// <summary>
/// A migration whose script is the embedded file <c>Migrations/{id}.sql</c>. A subclass carries <c>[DbContext]</c> and <c>[Migration("0001_initial")]</c>;
/// it overrides <see cref="Up"/> to add the tables of a chassis module before or after its own script.
/// </summary>
public abstract class SqlMigration : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(Script());

    private string Script()
    {
        var id = GetType().GetCustomAttribute<MigrationAttribute>()?.Id
            ?? throw new InvalidOperationException($"{GetType().Name} has no [Migration] attribute.");
        using var stream = GetType().Assembly.GetManifestResourceStream($"migrations/{id}.sql")
            ?? throw new InvalidOperationException($"The script Migrations/{id}.sql of {GetType().Name} is not embedded.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}

public static class MigrationBuilderExtensions
{
    /// <summary>The comment that marks a table on which the runtime role gets no UPDATE, DELETE or TRUNCATE.</summary>
    internal const string AppendOnlyMark = "append-only";

    /// <summary>Declares that a table only ever grows: the runtime role may read and insert, nothing else.</summary>
    /// <param name="migrationBuilder">The migration.</param>
    /// <param name="table">Name with schema, for example <c>event_store.events</c>.</param>
    public static void AppendOnly(this MigrationBuilder migrationBuilder, string table) =>
        migrationBuilder.Sql($"COMMENT ON TABLE {table} IS '{AppendOnlyMark}'");
}
