using Chassis;
using Chassis.Web;
using Microsoft.EntityFrameworkCore;
using Users.Domain;

namespace Users.Persistence;

/// <summary>What holds for accounts of operators, so that nobody lets himself in again and an installation is not left without one.</summary>
internal sealed class Operators(UsersDbContext db)
{
    /// <exception cref="ProblemException">403: it is the caller's own account.</exception>
    public static void MustBeAnother(Caller caller, User user)
    {
        if (caller.UserId == user.Id)
        {
            throw new ProblemException(StatusCodes.Status403Forbidden, "own_account", "Somebody else has to do this to your account.");
        }
    }

    /// <summary>
    /// To be asked before an account is closed, in the transaction that closes it: of two operators who close each other's the second is refused.
    /// </summary>
    /// <exception cref="ProblemException">409: it is the last active operator of the installation.</exception>
    public async Task MustRemainAsync(User user, CancellationToken ct)
    {
        if (user is not { Role: Roles.Operator, TenantId: null, IsActive: true })
        {
            return;
        }

        await db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock(hashtextextended('users.operators', 0))", ct);
        var others = db.Users.IgnoreQueryFilters().Where(
            u => u.Role == Roles.Operator && u.TenantId == null && u.Status == UserStatus.Active && u.Id != user.Id);
        if (!await others.AnyAsync(ct))
        {
            throw ProblemException.Conflict("last_operator", "This is the last operator of the installation. Make another one first.");
        }
    }
}
