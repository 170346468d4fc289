using System.Globalization;
using System.Security.Claims;
using Chassis.Data;
using Chassis.Web;
using Npgsql;
using NpgsqlTypes;
using Users.Domain;

namespace Users.Tokens;

/// <summary>
/// Asks the account itself whether the session that a token belongs to goes on: whoever was dismissed a moment ago does nothing here any more.
/// </summary>
internal sealed class AccountSessions(NpgsqlDataSource database) : ISessionStatus
{
    public async ValueTask<bool> HasEndedAsync(ClaimsPrincipal caller, CancellationToken ct)
    {
        if (!Guid.TryParse(caller.FindFirstValue(Claims.Subject), out var userId))
        {
            return false;
        }

        await using var command = database.CreateCommand(
            """
            SELECT status = $2 AND session_epoch <= $3 AND ($4::uuid IS NULL OR EXISTS (SELECT FROM oauth_authorizations WHERE id = $4 AND status = 'valid'))
            FROM users WHERE id = $1
            """);
        command.Parameters.AddValue(userId);
        command.Parameters.AddValue(UserStatus.Active);
        command.Parameters.AddValue(Epoch(caller));
        command.Parameters.AddValue(Guid.TryParse(caller.FindFirstValue(Claims.SessionId), out var sessionId) ? sessionId : (Guid?)null, NpgsqlDbType.Uuid);

        // A client, or a user of another identity provider, has no account here.
        return await command.ExecuteScalarAsync(ct) is false;
    }

    // A token of before tokens named it began when nothing had been ended yet, or has ended.
    private static int Epoch(ClaimsPrincipal caller) =>
        int.TryParse(caller.FindFirstValue(Claims.SessionEpoch), NumberStyles.None, CultureInfo.InvariantCulture, out var epoch) ? epoch : 0;
}
