namespace Chassis.Data;

/// <summary>Whether a commit waits until the disk has it.</summary>
public static class Flush
{
    /// <summary>
    /// For the transaction that it is said in: its commit does not wait, and may be forgotten when the database crashes within a moment of it
    /// (https://www.postgresql.org/docs/current/wal-async-commit.html). Only for what is found and done again after that: never for an event, a claim, an inbox
    /// row, or what somebody outside was told.
    /// </summary>
    public const string NotAwaited = "SELECT set_config('synchronous_commit', 'off', true)";
}
