using System.Text;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;

namespace Chassis.Web;

public static class SnakeCase
{
    /// <summary>Maps every table, column, key and index that was not named explicitly to snake_case. Call it last in <c>OnModelCreating</c>.</summary>
    public static void UseSnakeCaseNames(this ModelBuilder modelBuilder)
    {
        foreach (var entity in modelBuilder.Model.GetEntityTypes())
        {
            var mutable = (IConventionEntityType)entity;
            if (entity.GetTableName() is { } table && mutable.GetTableNameConfigurationSource() != ConfigurationSource.Explicit)
            {
                entity.SetTableName(From(table));
            }

            foreach (var property in entity.GetProperties())
            {
                if (((IConventionProperty)property).GetColumnNameConfigurationSource() != ConfigurationSource.Explicit)
                {
                    property.SetColumnName(From(property.GetColumnName()));
                }
            }
        }
    }

    /// <summary><c>OnHand</c> → <c>on_hand</c>.</summary>
    public static string From(string name)
    {
        var result = new StringBuilder(name.Length + 8);
        for (var i = 0; i < name.Length; i++)
        {
            if (char.IsUpper(name[i]) && i > 0 && name[i - 1] != '_' && (!char.IsUpper(name[i - 1]) || (i + 1 < name.Length && char.IsLower(name[i + 1]))))
            {
                result.Append('_');
            }

            result.Append(char.ToLowerInvariant(name[i]));
        }

        return result.ToString();
    }
}
