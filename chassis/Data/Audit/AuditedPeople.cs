using Npgsql;

namespace Chassis.Data;

/// <summary>What the audit knows of people, and forgets with them.</summary>
public static class AuditedPeople
{
    /// <summary>Takes out of the audit where a person was when acting, and why others acted on the person; that they did stays, under the ids.</summary>
    /// <param name="transaction">The erasure's.</param>
    /// <param name="about">Ids of the person and of what is the person's alone.</param>
    /// <param name="ct">Cancels.</param>
    public static async Task ForgetAsync(NpgsqlTransaction transaction, IEnumerable<Guid> about, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand("SELECT audit.forget($1)", transaction.Connection, transaction);
        command.Parameters.AddValue<string[]>([.. about.Select(id => id.ToString())]);
        await command.ExecuteNonQueryAsync(ct);
    }
}
