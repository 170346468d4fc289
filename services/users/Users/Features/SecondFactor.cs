using System.ComponentModel.DataAnnotations;
using System.Net;
using Chassis;
using Chassis.Data;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Users.Domain;
using Users.Passwords;
using Users.Persistence;
using Validator = Chassis.Web.Validator;

namespace Users.Features;

/// <param name="IsOn">Whether signing in takes a one-time code beside the password.</param>
/// <param name="Since">Since when.</param>
/// <param name="RecoveryCodesLeft">How many were not used yet.</param>
internal sealed record SecondFactorView(bool IsOn, DateTimeOffset? Since, int RecoveryCodesLeft);

/// <param name="CurrentPassword">Not needed within some minutes after signing in.</param>
internal sealed record BeginSecondFactorRequest([property: MaxLength(PasswordRules.Longest)] string? CurrentPassword = null);

/// <param name="Setup">As it was given out.</param>
/// <param name="Code">The first code of the app.</param>
internal sealed record ConfirmSecondFactorRequest([property: MaxLength(1000)] string Setup, [property: MaxLength(SecondFactorCode.Longest)] string Code);

/// <param name="Code">A code of the app, or a recovery code; it is used up.</param>
internal sealed record SecondFactorCode([property: MaxLength(SecondFactorCode.Longest)] string Code)
{
    /// <summary>Characters; a recovery code with all its dashes has fewer.</summary>
    public const int Longest = 100;
}

/// <param name="RecoveryCodes">Each lets in once in place of a code of the app. They are shown here and never again.</param>
internal sealed record RecoveryCodesView(IReadOnlyList<string> RecoveryCodes);

/// <summary>
/// One-time codes beside the password. Its owner sets them up with an app and ends them with a code; for who has lost app and recovery codes, somebody else
/// does. Either ends every session of the account.
/// </summary>
internal sealed class SecondFactor(
    UserStore users, UsersDbContext db, SecondFactors factors, OwnersProof proof, AuthenticationEvents events, TimeProvider clock)
{
    private const string Path = "/users/{id:guid}/second-factor";

    /// <exception cref="ProblemException">403: it is not clear that the owner asks.</exception>
    public async Task<SecondFactorSetup> BeginAsync(Guid id, string? currentPassword, Caller caller, IPAddress? address, CancellationToken ct)
    {
        var user = await users.GetAsync(id, caller, ct);
        user.MustBeActive();
        await proof.CheckAsync(user, caller, currentPassword, address, Happened(user), ct);
        return factors.Begin(user);
    }

    /// <summary>Sets up, from the sign-in page too.</summary>
    /// <returns>The recovery codes; null when the code is not right.</returns>
    /// <exception cref="ProblemException">400: begun too long ago; 409: there is one already, or the account changed meanwhile.</exception>
    public async Task<IReadOnlyList<string>?> ConfirmAsync(User user, string setup, string code, CancellationToken ct)
    {
        await using var transaction = await db.BeginOrJoinAsync(ct);
        if (await factors.ConfirmAsync(user, setup, code, ct) is not { } codes)
        {
            return null;
        }

        await events.RecordAsync(Happened(user), ct);
        await users.SaveAsync(user, ct);
        await transaction.CommitAsync(ct);
        return codes;
    }

    /// <exception cref="ProblemException">400: the code is not right; 409: there is no second factor; 429: too many guesses.</exception>
    public async Task<IReadOnlyList<string>> RenewAsync(Guid id, string code, Caller caller, IPAddress? address, CancellationToken ct)
    {
        var user = await CheckAsync(id, code, caller, address, ct);
        await using var transaction = await db.BeginOrJoinAsync(ct);
        await events.RecordAsync(Happened(user), ct);
        var codes = await factors.NewRecoveryCodesAsync(id, ct);
        await transaction.CommitAsync(ct);
        return codes;
    }

    /// <exception cref="ProblemException">400: the code is not right; 409: there is no second factor; 429: too many guesses.</exception>
    public async Task RemoveAsync(Guid id, string code, Caller caller, IPAddress? address, CancellationToken ct) =>
        await RemoveAsync(await CheckAsync(id, code, caller, address, ct), ct);

    /// <summary>For somebody else, who has lost app and recovery codes.</summary>
    /// <exception cref="ProblemException">403: it is the caller's own, or that of an operator who may do more; 409: there is no second factor.</exception>
    public async Task RemoveForAsync(Guid id, Caller caller, ExpectedVersion expected, CancellationToken ct)
    {
        var user = await users.GetToChangeAsync(id, caller, ct);
        expected.Check(user.Version);
        Operators.MustBeAnother(caller, user);
        await RemoveAsync(user, ct);
    }

    public static void Map(RouteGroupBuilder v1)
    {
        v1.MapGet(Path, Get).RequireCustomer(others: Permissions.ReadPersonalData)
            .WithName("ReadSecondFactor").WithSummary("Whether signing in takes a one-time code.");
        v1.MapPost(Path, Begin).RequireCustomer()
            .WithName("BeginSecondFactor")
            .WithSummary("Begin to set up one-time codes: what an app needs to know. Nothing changes before the first code of it.");
        v1.MapPost($"{Path}/confirm", Confirm).RequireCustomer()
            .WithName("ConfirmSecondFactor")
            .WithSummary("Set up one-time codes, with the first of them. Answers with the recovery codes, once. Ends every session.");
        v1.MapPost($"{Path}/recovery-codes", Renew).RequireCustomer()
            .WithName("RenewRecoveryCodes").WithSummary("New recovery codes in place of those that are left.");
        v1.MapPost($"{Path}/remove", Remove).RequireCustomer()
            .WithName("RemoveSecondFactor").WithSummary("Sign in with the password alone again. Ends every session.");
        v1.MapDelete(Path, RemoveFor).RequireOperator(Permissions.ChangeUsers)
            .WithName("RemoveSecondFactorFor").WithSummary("Remove somebody else's, who has lost app and recovery codes. Ends every session.");
    }

    private static async Task<Ok<SecondFactorView>> Get(Guid id, UserStore users, SecondFactors factors, Caller caller, CancellationToken ct)
    {
        var user = await users.GetAsync(id, caller, ct);
        return TypedResults.Ok(new SecondFactorView(user.SecondFactorSince is not null, user.SecondFactorSince, await factors.RecoveryCodesLeftAsync(id, ct)));
    }

    private static async Task<Ok<SecondFactorSetup>> Begin(
        Guid id, BeginSecondFactorRequest request, SecondFactor handler, Caller caller, HttpContext http, CancellationToken ct)
    {
        new Validator().Bounds(request).ThrowIfInvalid();
        return TypedResults.Ok(await handler.BeginAsync(id, request.CurrentPassword, caller, http.Connection.RemoteIpAddress, ct));
    }

    private static async Task<Ok<RecoveryCodesView>> Confirm(
        Guid id, ConfirmSecondFactorRequest request, SecondFactor handler, UserStore users, Caller caller, CancellationToken ct)
    {
        new Validator().Bounds(request).ThrowIfInvalid();
        var user = await users.GetAsync(id, caller, ct);
        return await handler.ConfirmAsync(user, request.Setup, request.Code, ct) is { } codes
            ? TypedResults.Ok(new RecoveryCodesView(codes))
            : throw ProblemException.Invalid("code", "is not correct.");
    }

    private static async Task<Ok<RecoveryCodesView>> Renew(
        Guid id, SecondFactorCode request, SecondFactor handler, Caller caller, HttpContext http, CancellationToken ct)
    {
        new Validator().Bounds(request).ThrowIfInvalid();
        return TypedResults.Ok(new RecoveryCodesView(await handler.RenewAsync(id, request.Code, caller, http.Connection.RemoteIpAddress, ct)));
    }

    private static async Task<NoContent> Remove(Guid id, SecondFactorCode request, SecondFactor handler, Caller caller, HttpContext http, CancellationToken ct)
    {
        new Validator().Bounds(request).ThrowIfInvalid();
        await handler.RemoveAsync(id, request.Code, caller, http.Connection.RemoteIpAddress, ct);
        return TypedResults.NoContent();
    }

    private static async Task<NoContent> RemoveFor(Guid id, SecondFactor handler, Caller caller, ExpectedVersion expected, CancellationToken ct)
    {
        await handler.RemoveForAsync(id, caller, expected, ct);
        return TypedResults.NoContent();
    }

    private static AuthenticationEvent Happened(User user) =>
        new(AuthenticationEventKind.SecondFactor, StatusCodes.Status200OK) { UserId = user.Id.ToString(), TenantId = user.TenantId };

    private async Task<User> CheckAsync(Guid id, string code, Caller caller, IPAddress? address, CancellationToken ct)
    {
        var user = await users.GetAsync(id, caller, ct);
        user.MustHaveSecondFactor();
        await proof.CheckCodeAsync(user, code, address, Happened(user), ct);
        return user;
    }

    private async Task RemoveAsync(User user, CancellationToken ct)
    {
        user.RemoveSecondFactor(clock.GetUtcNow());
        await using var transaction = await db.BeginOrJoinAsync(ct);
        await factors.RemoveAsync(user.Id, ct);
        await events.RecordAsync(Happened(user), ct);
        await users.SaveAsync(user, ct);
        await transaction.CommitAsync(ct);
    }
}
