using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace Chassis.Web;

/// <summary>The table of the answers that are kept for repeated requests.</summary>
internal static class StoredAnswers
{
    /// <summary>How long an answer is kept.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    /// <summary>In the transaction of the context, where it has one.</summary>
    public static NpgsqlCommand Command(DbContext db, string sql) => new(
        sql, (NpgsqlConnection)db.Database.GetDbConnection(), (NpgsqlTransaction?)db.Database.CurrentTransaction?.GetDbTransaction());
}
