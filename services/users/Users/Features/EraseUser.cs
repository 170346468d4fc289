using Chassis.Data;
using Chassis.Messaging.Erasure;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Users.Domain;
using Users.Passwords;
using Users.Persistence;

namespace Users.Features;

/// <summary>
/// Forgets a person: the account's values, the data key without which the history's personal values are noise, sessions, stored answers, and what messaging
/// keeps. The others learn it by <c>shop.user.erased.v1</c>. The history keeps its shape.
/// </summary>
internal sealed class EraseUser(UserStore users, UsersDbContext db, Operators operators, OwnersProof proof, SecondFactors factors, TimeProvider clock)
{
    public async Task Handle(Guid id, Caller caller, ExpectedVersion expected, CancellationToken ct)
    {
        var user = await users.GetToChangeAsync(id, caller, ct);
        expected.Check(user.Version);
        await proof.CheckAsync(
            user,
            caller,
            currentPassword: null,
            address: null,
            new AuthenticationEvent(AuthenticationEventKind.SessionsEnd, StatusCodes.Status403Forbidden),
            ct);
        await ForgetAsync(user, ct);
    }

    /// <summary>The erasure itself, of whoever may ask for it.</summary>
    /// <exception cref="ProblemException">409: the last operator of the installation.</exception>
    public async Task ForgetAsync(User user, CancellationToken ct)
    {
        var id = user.Id;
        await using var transaction = await db.BeginOrJoinAsync(ct);
        await operators.MustRemainAsync(user, ct);
        user.Erase(clock.GetUtcNow());
        db.Keys.Remove(await db.Keys.Where(k => k.UserId == id).StillThereAsync(ct));
        await factors.RemoveAsync(id, ct);
        await Idempotency.ForgetAsync(db, id, ct);
        await PersonalData.EraseAsync(db, id, [], ct);
        await users.SaveAsync(user, ct);
        await transaction.CommitAsync(ct);
    }

    public static RouteHandlerBuilder Map(RouteGroupBuilder users) => users.MapDelete("/{id:guid}", Delete).RequireCustomer(others: Permissions.ChangeUsers)
        .WithName("EraseUser").WithSummary("Erase the person. Cannot be undone; the owner has to have signed in within the last minutes.");

    private static async Task<NoContent> Delete(Guid id, EraseUser handler, Caller caller, ExpectedVersion expected, CancellationToken ct)
    {
        await handler.Handle(id, caller, expected, ct);
        return TypedResults.NoContent();
    }
}
