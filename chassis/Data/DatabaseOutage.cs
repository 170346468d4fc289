using System.Net.Sockets;
using Npgsql;

namespace Chassis.Data;

/// <summary>Tells a database that cannot serve just now from a message that cannot be handled.</summary>
public static class DatabaseOutage
{
    /// <summary>Whether the failure says nothing about the message: somebody else was in the way, or nobody could have handled it just now.</summary>
    public static bool SaysNothingOfTheMessage(Exception? exception) => Find(exception, static e => IsConflict(e) || IsOutage(e));

    /// <summary>Whether nobody could have handled anything just now, so that trying again at once is in vain.</summary>
    public static bool Is(Exception? exception) => Find(exception, IsOutage);

    // Class 40 is a transaction that lost against another, a deadlock among them; it is known at any statement, and at the commit.
    private static bool IsConflict(Exception e) => e is PostgresException { SqlState: ['4', '0', ..] or PostgresErrorCodes.LockNotAvailable };

    // What PostgreSQL itself calls passing (no connections, memory or disk left, starting up), shutting down, and read-only after a fail-over.
    private static bool IsOutage(Exception e) => e switch
    {
        PostgresException postgres => !IsConflict(postgres) && (postgres.IsTransient || postgres.SqlState is ['5', '7', 'P', '0', _] or ['0', '8', ..] or "25006"),
        NpgsqlException { InnerException: SocketException or IOException or null } => true,
        _ => e is NpgsqlException && e.Message.Contains("pool has been exhausted", StringComparison.Ordinal),
    };

    // Of several failures one is enough: a redelivery that could not be written down carries beside that what it was for.
    private static bool Find(Exception? e, Func<Exception, bool> isIt) => e is not null && (isIt(e) || (e is AggregateException several
        ? several.InnerExceptions.Any(inner => Find(inner, isIt))
        : Find(e.InnerException, isIt)));
}
