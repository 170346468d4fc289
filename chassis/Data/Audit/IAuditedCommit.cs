using Npgsql;

namespace Chassis.Data;

/// <summary>
/// Commits what somebody changes on a connection of its own, and with it who it was. The transactions of the service's context do so by themselves.
/// </summary>
public interface IAuditedCommit
{
    /// <summary>Commits.</summary>
    /// <exception cref="NpgsqlException">It could not be recorded, and is not done.</exception>
    Task CommitAsync(NpgsqlTransaction transaction, CancellationToken ct);
}

/// <summary>For a program that takes no requests, and so has nobody to record.</summary>
internal sealed class UnauditedCommit : IAuditedCommit
{
    public Task CommitAsync(NpgsqlTransaction transaction, CancellationToken ct) => transaction.CommitAsync(ct);
}
