using Microsoft.EntityFrameworkCore.Migrations;

namespace Chassis.Web;

/// <summary>The part of a service's migrations that <see cref="EndedSessions"/> needs.</summary>
public static class EndedSessionsMigration
{
    /// <summary>The table of <see cref="EndedSessions"/>.</summary>
    public static void CreateEndedSessions(this MigrationBuilder migrationBuilder) => migrationBuilder.Sql(
        """
        CREATE TABLE ended_sessions (
            user_id  uuid        PRIMARY KEY,
            epoch    integer     NOT NULL,
            ended_at timestamptz NOT NULL,
            noted_at timestamptz NOT NULL DEFAULT clock_timestamp()
        );
        CREATE INDEX ended_sessions_noted_at ON ended_sessions (noted_at);
        """);

    /// <summary>The second table of <see cref="EndedSessions"/>: sessions that ended by themselves.</summary>
    public static void CreateEndedSingleSessions(this MigrationBuilder migrationBuilder) => migrationBuilder.Sql(
        """
        CREATE TABLE ended_single_sessions (
            session_id uuid        PRIMARY KEY,
            ended_at   timestamptz NOT NULL,
            noted_at   timestamptz NOT NULL DEFAULT clock_timestamp()
        );
        CREATE INDEX ended_single_sessions_noted_at ON ended_single_sessions (noted_at);
        """);
}
