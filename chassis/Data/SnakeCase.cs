using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;

namespace Chassis.Data;

public static class SnakeCase
{
    /// <summary>Maps every table and column that was not named explicitly to snake_case. Call it last in <c>OnModelCreating</c>.</summary>
    public static void UseSnakeCaseNames(this ModelBuilder modelBuilder)
    {
        // Set as conventions do it: what was named explicitly stays. EFCore.NamingConventions would rename the columns of EF's history table as well (ADR 21).
        foreach (var entity in modelBuilder.Model.GetEntityTypes().Cast<IConventionEntityType>())
        {
            entity.Builder.ToTable(From(entity.GetTableName()));
            foreach (var property in entity.GetProperties())
            {
                property.Builder.HasColumnName(From(property.GetColumnName()));
            }
        }
    }

    private static string? From(string? name) => name is null ? null : JsonNamingPolicy.SnakeCaseLower.ConvertName(name);
}
