using System.Net.Sockets;
using Npgsql;

namespace Chassis.Messaging.Endpoints;

/// <summary>Tells an unreachable database from a message that cannot be handled.</summary>
internal static class DatabaseOutage
{
    /// <summary>Whether the failure says nothing about the message: nobody could have handled it just now.</summary>
    public static bool Is(Exception? exception)
    {
        for (var e = exception; e is not null; e = e.InnerException)
        {
            switch (e)
            {
                // Server shutting down or starting, too many connections, connection failure, read-only after a fail-over.
                case PostgresException postgres:
                    return postgres.SqlState is "57P01" or "57P02" or "57P03" or "53300" or "25006" || postgres.SqlState.StartsWith("08", StringComparison.Ordinal);
                case NpgsqlException { InnerException: SocketException or IOException or null }:
                    return true;
                case NpgsqlException when e.Message.Contains("pool has been exhausted", StringComparison.Ordinal):
                    return true;
                case AggregateException { InnerExceptions: [var only] }:
                    return Is(only);
            }
        }

        return false;
    }
}
