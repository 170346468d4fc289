using System.Data.Common;
using System.Net.Sockets;
using Npgsql;

namespace Chassis.Data;

/// <summary>What a failure of the database means: the one answer for messages, requests and whatever runs by itself.</summary>
public static class DatabaseFailure
{
    /// <summary>Whether it is the database's at all, and not a fault of ours before it was asked: what runs by itself begins again after it.</summary>
    public static bool Is(Exception? exception) => Find(exception, static e => e is DbException or TimeoutException);

    /// <summary>Whether nobody could have handled anything just now, so that trying again at once is in vain.</summary>
    public static bool IsOutage(Exception? exception) => Find(exception, IsOutageItself);

    /// <summary>
    /// Whether it was away, or has not answered in time: of a request nobody knows whether it was too much, so that its sender may try again.
    /// </summary>
    public static bool IsUnavailable(Exception? exception) => Find(exception, static e => IsOutageItself(e) || HasNotAnswered(e));

    /// <summary>Whether somebody else was in the way, so that the same may succeed at once.</summary>
    public static bool IsConflict(Exception? exception) => Find(exception, IsConflictItself);

    /// <summary>Whether the failure says nothing about the message: somebody else was in the way, or nobody could have handled it just now.</summary>
    public static bool SaysNothingOfTheMessage(Exception? exception) => Find(exception, static e => IsConflictItself(e) || IsOutageItself(e));

    // Class 40 is a transaction that lost against another, a deadlock among them; it is known at any statement, and at the commit.
    private static bool IsConflictItself(Exception e) => e is PostgresException { SqlState: ['4', '0', ..] or PostgresErrorCodes.LockNotAvailable };

    // What PostgreSQL itself calls passing (no connections, memory or disk left, starting up), shutting down, and read-only after a fail-over.
    private static bool IsOutageItself(Exception e) => e switch
    {
        PostgresException postgres =>
            !IsConflictItself(postgres) && (postgres.IsTransient || postgres.SqlState is ['5', '7', 'P', '0', _] or ['0', '8', ..] or "25006"),
        NpgsqlException { InnerException: SocketException or IOException or null } => true,
        _ => e is NpgsqlException && e.Message.Contains("pool has been exhausted", StringComparison.Ordinal),
    };

    private static bool HasNotAnswered(Exception e) =>
        e is TimeoutException
            || (e is NpgsqlException and not PostgresException && (((DbException)e).IsTransient || e.InnerException is OperationCanceledException));

    // Of several failures one is enough: a redelivery that could not be written down carries beside that what it was for.
    private static bool Find(Exception? e, Func<Exception, bool> isIt) => e is not null && (isIt(e) || (e is AggregateException several
        ? several.InnerExceptions.Any(inner => Find(inner, isIt))
        : Find(e.InnerException, isIt)));
}
